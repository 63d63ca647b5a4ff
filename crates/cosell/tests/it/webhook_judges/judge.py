"""Judges webhook deliveries with the package `cryptography` alone: path, names, then the signature."""

import base64
import datetime
import json
import sys

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.x509 import verification
from cryptography.x509.oid import NameOID

HASHES = {"sha256": hashes.SHA256, "sha384": hashes.SHA384, "sha512": hashes.SHA512}


def names(name, oid):
    return [attribute.value for attribute in name.get_attributes_for_oid(oid)]


def judge(case, roots, intermediates):
    leaf, *more = x509.load_pem_x509_certificates(case["file"].encode())
    now = datetime.datetime.now(datetime.timezone.utc)
    policy = verification.PolicyBuilder().store(verification.Store(roots)).time(now)
    try:
        policy.build_client_verifier().verify(leaf, more + intermediates)
    except verification.VerificationError:
        expired = now > leaf.not_valid_after_utc
        return "certificate-expired" if expired else "chain-untrusted"
    if "Microsoft Corporation" not in names(leaf.issuer, NameOID.ORGANIZATION_NAME):
        return "issuer-foreign"
    if names(leaf.subject, NameOID.COMMON_NAME) != ["pcnotifications-dispatch.microsoft.com"]:
        return "subject-foreign"
    signature, body = (base64.b64decode(case[part]) for part in ("signature", "body"))
    try:
        leaf.public_key().verify(signature, body, padding.PKCS1v15(), HASHES[case["hash"]]())
    except InvalidSignature:
        return "signature-wrong"
    return "genuine"


asked = json.load(sys.stdin)
roots, intermediates = (
    x509.load_pem_x509_certificates(asked[part].encode()) for part in ("roots", "intermediates")
)
json.dump([judge(case, roots, intermediates) for case in asked["cases"]], sys.stdout)
