"""simple-salesforce against the sandbox, over TLS: it knows nothing else."""
import csv
import io
import json
import os
import sys
import time
from datetime import datetime, timedelta, timezone

from simple_salesforce import Salesforce
from simple_salesforce.exceptions import (
    SalesforceExpiredSession,
    SalesforceMalformedRequest,
    SalesforceResourceNotFound,
)

with open(sys.argv[1], encoding="utf-8") as file:
    READY = json.load(file)["salesforce"]
VERSION = "60.0"
# Seconds between two looks at a bulk job.
POLL = 0.1
SF = Salesforce(
    instance_url=READY["instance_url"], session_id=READY["seller"]["access_token"], version=VERSION
)


def deal(name, **more):
    return {"Name": name, "StageName": "Prospecting", "CloseDate": "2027-03-31", **more}


def refused(call, error, code):
    try:
        call()
    except error as told:
        assert code in str(told), f"refused, but not with {code}: {told}"
        return
    raise AssertionError(f"{code} was expected")


def rows():
    made = SF.Opportunity.create(deal("python one", Amount=1200.5))
    assert made["success"]
    assert SF.Opportunity.update(made["id"], {"NextStep": "Fabrikam & Söhne + partner"}) == 204
    read = SF.Opportunity.get(made["id"])
    assert (read["Amount"], read["NextStep"]) == (1200.5, "Fabrikam & Söhne + partner")
    assert SF.Opportunity.delete(made["id"]) == 204
    refused(lambda: SF.Opportunity.get(made["id"]), SalesforceResourceNotFound, "ENTITY_IS_DELETED")
    refused(lambda: SF.Opportunity.create({"Name": "x"}), SalesforceMalformedRequest, "REQUIRED_FIELD_MISSING")


def upsert():
    key = "Referral_Identifier__c/py-1"
    assert SF.Opportunity.upsert(key, deal("python upsert")) == 201
    assert SF.Opportunity.upsert(key, {"NextStep": "again"}) == 200
    assert SF.Opportunity.get_by_custom_id("Referral_Identifier__c", "py-1")["NextStep"] == "again"


def query():
    rows = [deal(f"python page {number:04}") for number in range(2_100)]
    done = SF.bulk2.Opportunity.insert(records=rows, wait=POLL)
    assert sum(int(job["numberRecordsProcessed"]) for job in done) == 2_100, done
    text = "SELECT Id, Name FROM Opportunity WHERE Name LIKE 'python page%' ORDER BY Name"
    first = SF.query(text)
    assert (first["totalSize"], first["done"], len(first["records"])) == (2_100, False, 2_000)
    rest = SF.query_more(first["nextRecordsUrl"], True)
    assert (rest["done"], len(rest["records"])) == (True, 100)
    whole = SF.query_all(text)
    assert len(whole["records"]) == 2_100 and whole["records"][-1]["Name"] == "python page 2099"
    assert sum(1 for _ in SF.query_all_iter(text)) == 2_100
    plus = SF.query("SELECT Id FROM Opportunity WHERE Name = 'python page 0001' AND CreatedDate = LAST_N_DAYS:1")
    assert plus["totalSize"] == 1
    refused(lambda: SF.query("SELECT * FROM Opportunity"), SalesforceMalformedRequest, "MALFORMED_QUERY")


def describe():
    fields = {field["name"] for field in SF.Opportunity.describe()["fields"]}
    assert {"Id", "Amount", "Referral_Identifier__c"} <= fields
    assert SF.Opportunity.metadata()["objectDescribe"]["name"] == "Opportunity"
    assert SF.describe()["maxBatchSize"] == 200


def composite():
    at = f"/services/data/v{VERSION}/sobjects/Account"
    body = {
        "compositeRequest": [
            {"method": "POST", "url": at, "referenceId": "a", "body": {"Name": "python composite"}},
            {"method": "GET", "url": at + "/@{a.id}?fields=Name", "referenceId": "b"},
        ]
    }
    answer = SF.restful("composite", method="POST", data=json.dumps(body))["compositeResponse"]
    assert [part["httpStatusCode"] for part in answer] == [201, 200]
    assert answer[1]["body"]["Name"] == "python composite"


def collections():
    records = [{"attributes": {"type": "Account"}, "Name": f"python {n}"} for n in range(3)]
    body = json.dumps({"allOrNone": True, "records": records})
    made = SF.restful("composite/sobjects", method="POST", data=body)
    assert all(row["success"] for row in made)
    ids = ",".join(row["id"] for row in made)
    read = SF.restful("composite/sobjects/Account", params={"ids": ids, "fields": "Name"})
    assert [row["Name"] for row in read] == ["python 0", "python 1", "python 2"]


def replication():
    made = SF.Opportunity.create(deal("python deleted"))["id"]
    SF.Opportunity.delete(made)
    kept = SF.Opportunity.create(deal("python kept"))["id"]
    now = datetime.now(timezone.utc)
    window = (now - timedelta(minutes=5), now + timedelta(minutes=2))
    assert kept in SF.Opportunity.updated(*window)["ids"]
    assert made in [row["id"] for row in SF.Opportunity.deleted(*window)["deletedRecords"]]


def bulk():
    key = "Referral_Identifier__c"
    rows = [deal(f"python bulk {n}", **{key: f"pyb-{n}"}) for n in range(30)] + [{"Name": "bad", key: "pyb-bad"}]
    [job] = SF.bulk2.Opportunity.upsert(records=rows, external_id_field=key, wait=POLL)
    assert (int(job["numberRecordsProcessed"]), int(job["numberRecordsFailed"])) == (31, 1), job
    failed = list(csv.DictReader(io.StringIO(SF.bulk2.Opportunity.get_failed_records(job["job_id"]))))
    assert failed[0]["sf__Error"].startswith("REQUIRED_FIELD_MISSING:"), failed
    done = SF.bulk2.Opportunity.get_successful_records(job["job_id"])
    assert len(list(csv.DictReader(io.StringIO(done)))) == 30
    pages = list(SF.bulk2.Opportunity.query(
        "SELECT Id, Name, Amount FROM Opportunity WHERE Name LIKE 'python page%'", max_records=1_000, wait=POLL
    ))
    assert [len(list(csv.DictReader(io.StringIO(page)))) for page in pages] == [1_000, 1_000, 100]
    ids = [{"Id": row["Id"]} for page in pages for row in csv.DictReader(io.StringIO(page))]
    [job] = SF.bulk2.Opportunity.delete(records=ids, wait=POLL)
    assert int(job["numberRecordsProcessed"]) == 2_100


def limits():
    daily = SF.limits()["DailyApiRequests"]
    assert daily["Remaining"] < daily["Max"]
    assert SF.api_usage["api-usage"].total == daily["Max"]


def dead():
    stranger = Salesforce(instance_url=READY["instance_url"], session_id="00D!dead", version=VERSION)
    refused(lambda: stranger.query("SELECT Id FROM User"), SalesforceExpiredSession, "INVALID_SESSION_ID")


def planted():
    assert SF.query("SELECT COUNT() FROM User")["totalSize"] == -1


STEPS = [
    ("create, get, update, delete", rows),
    ("upsert by external id", upsert),
    ("bulk load of 2,100 rows, query with paging", query),
    ("describe", describe),
    ("composite", composite),
    ("collections", collections),
    ("updated and deleted", replication),
    ("Bulk 2.0: upsert with a failure, paged query, delete", bulk),
    ("limits, and the budget in every answer", limits),
    ("a dead session", dead),
]
if os.environ.get("PLANTED") == "1":
    STEPS = [("a planted wrong expectation", planted)]
for name, step in STEPS:
    began = time.monotonic()
    try:
        step()
    except Exception as error:  # whatever it is, the step failed
        print(f"simple-salesforce: {name}: FAILED\n{type(error).__name__}: {error}")
        sys.exit(1)
    print(f"simple-salesforce: {name} ({(time.monotonic() - began) * 1000:.0f} ms)")
