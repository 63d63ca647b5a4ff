"""Asks the sandbox and an independent OData parser about the same filters, and demands that they agree."""

import json
import pathlib
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request

from odata_query.exceptions import ODataException
from odata_query.grammar import ODataLexer, ODataParser

TABLE = """
status eq 'New'
status ne 'New' or substatus eq 'Won'
(status eq 'New' or status eq 'Active') and not (substatus eq 'Won')
not (not (status eq 'New'))
status eq 'O''Brien'
status eq ''
status eq null
status in ('New', 'Active')
status in ('New')
favorite eq true
favorite ne false
details/dealValue gt 5
details/dealValue le -5.25
customerProfile/address/country eq 'DE'
updatedDateTime ge 2026-11-02T09:14:07Z
updatedDateTime lt 2026-11-02T09:14:07.1234567Z
updatedDateTime gt 2026-11-02T09:14:07+01:00
team/any(t:t/email eq 'x@y')
team/any(t: t/email eq 'x@y' or t/firstName eq 'Ada')
((((status eq 'New'))))
status eq 'New' and substatus eq 'Pending' or type eq 'Shared'
status = 'New'
status == 'New'
status eq "New"
status eq 'New
status eq 'O'Brien'
status EQ 'New'
status eq 'New' AND substatus eq 'Pending'
status eq 'New' and
and status eq 'New'
(status eq 'New'
status eq 'New')
status eq
eq 'New'
status 'New'
status eq 'New' substatus eq 'Pending'
status in ()
status in ('New',)
status in 'New'
updatedDateTime ge datetime'2026-11-02T09:14:07'
team/any(t/email eq 'x@y')
team/any(t:t/email eq 'x@y'
status eq 'New' && substatus eq 'Pending'
status eq 'New'; drop
details/dealValue gt 1_000
details/dealValue gt 5.
details/dealValue gt 0x10
details/dealValue gt +5
details/dealValue gt 1e3
favorite eq True
"""

# Where the two may differ: filter, and why the sandbox is right or on purpose stricter.
EXPLAINED = {
    "status in ('New')": "A list of one is a list; the parser wants a comma after it, which OData does not have.",
    "status in ('New',)": "The same, the other way round.",
    "status EQ 'New'": "Lower case is what every version of OData has; other cases came with 4.01.",
    "status eq 'New' AND substatus eq 'Pending'": "The same.",
    "details/dealValue gt -689881474488147419103230.20384785e6": "More digits than any amount has.",
    "favorite eq True": "OData permits any case here; the sandbox takes what a careful client sends.",
}


def foreign(filter_text):
    """Whether the independent parser takes it."""
    try:
        return ODataParser().parse(ODataLexer().tokenize(filter_text)) is not None
    except ODataException:
        return False


class Sandbox:
    """A local Partner Center in a process of its own."""

    def __init__(self, program):
        self.process = subprocess.Popen([program, "sandbox", "--format", "json"], stdout=subprocess.PIPE)
        self.ready = json.loads(self.process.stdout.readline())["partner_center"]
        self.call("PATCH", self.ready["control_url"].rstrip("/") + "/knobs", {"filter_paths": "any"})

    def call(self, method, url, body=None):
        headers = {"Authorization": "Bearer " + self.ready["portal_user_token"], "Content-Type": "application/json"}
        request = urllib.request.Request(url, body and json.dumps(body).encode(), headers, method=method)
        try:
            with urllib.request.urlopen(request) as answer:
                return answer.status
        except urllib.error.HTTPError as refused:
            return refused.code

    def takes(self, filter_text):
        query = urllib.parse.urlencode({"$filter": filter_text})
        status = self.call("GET", f"{self.ready['api_url']}/referrals?{query}")
        assert status in (200, 400), f"{filter_text!r} is answered with {status}"
        return status == 200


def main():
    corpus = pathlib.Path("fuzz/corpus/filter")
    kept = [path.read_bytes().decode(errors="ignore") for path in sorted(corpus.iterdir())]
    filters = [line for line in TABLE.splitlines() if line] + [text for text in kept if text.isprintable()]
    sandbox = Sandbox(sys.argv[1])
    try:
        verdicts = {text: (sandbox.takes(text), foreign(text)) for text in filters}
    finally:
        sandbox.process.kill()
    differ = {text for text, (ours, theirs) in verdicts.items() if ours != theirs}
    for text in sorted(differ - EXPLAINED.keys()):
        ours, theirs = verdicts[text]
        print(f"the sandbox {'takes' if ours else 'refuses'}, the parser {'takes' if theirs else 'refuses'}: {text!r}")
    for text in sorted(EXPLAINED.keys() - differ):
        print(f"explained, and no difference any more: {text!r}")
    taken = sum(ours for ours, _ in verdicts.values())
    print(f"{len(verdicts)} filters, {taken} taken, {len(differ)} explained differences")
    sys.exit(bool(differ ^ EXPLAINED.keys()))


main()
