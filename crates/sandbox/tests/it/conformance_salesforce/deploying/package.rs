//! A package to deploy, and the ways to deploy it.

use std::io::Write as _;

use bytes::Bytes;
use serde_json::{Value, json};
use zip::{ZipWriter, write::SimpleFileOptions};

use crate::conformance_salesforce::rule::{Desk, Reply};

pub(super) const NAMESPACE: &str = "http://soap.sforce.com/2006/04/metadata";

/// A package: files, and what its manifest names.
pub(super) struct Package {
    pub(super) files: Vec<(String, String)>,
    pub(super) members: Vec<(String, String)>,
}

impl Package {
    pub(super) fn new() -> Self {
        Self { files: Vec::new(), members: Vec::new() }
    }

    pub(super) fn file(mut self, path: &str, root: &str, inner: &str) -> Self {
        self.files.push((path.to_owned(), format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<{root} xmlns=\"{NAMESPACE}\">\n{inner}</{root}>\n")));
        self
    }

    pub(super) fn raw(mut self, path: &str, text: &str) -> Self {
        self.files.push((path.to_owned(), text.to_owned()));
        self
    }

    pub(super) fn member(mut self, kind: &str, name: &str) -> Self {
        self.members.push((kind.to_owned(), name.to_owned()));
        self
    }

    /// One field of the opportunity, in the manifest as well.
    pub(super) fn field(self, name: &str, inner: &str) -> Self {
        let inner =
            format!("<fields>\n<fullName>{name}</fullName>\n<label>{name}</label>\n{inner}</fields>\n");
        self.file("objects/Opportunity.object", "CustomObject", &inner)
            .member("CustomField", &format!("Opportunity.{name}"))
    }

    fn manifest(&self) -> String {
        let mut types = String::new();
        for (kind, name) in &self.members {
            types.extend(["<types><members>", name, "</members><name>", kind, "</name></types>"]);
        }
        format!("<Package xmlns=\"{NAMESPACE}\">{types}<version>66.0</version></Package>")
    }

    pub(super) fn zip(&self) -> Vec<u8> {
        let mut zip = ZipWriter::new(std::io::Cursor::new(Vec::new()));
        let manifest = ("package.xml".to_owned(), self.manifest());
        for (path, text) in self.files.iter().chain([&manifest]) {
            zip.start_file(path.as_str(), SimpleFileOptions::default()).unwrap();
            zip.write_all(text.as_bytes()).unwrap();
        }
        zip.finish().unwrap().into_inner()
    }
}

pub(super) fn options(more: &Value) -> Value {
    let mut options = json!({"singlePackage": true, "rollbackOnError": true});
    options.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    options
}

pub(super) fn order(desk: &Desk, part: &str, options: &Value, zip: &[u8]) -> Reply {
    let mut body = format!(
        "--edge\r\nContent-Disposition: form-data; name=\"{part}\"\r\nContent-Type: application/json\r\n\r\n{}\r\n\
         --edge\r\nContent-Disposition: form-data; name=\"file\"; filename=\"p.zip\"\r\nContent-Type: application/zip\r\n\r\n",
        json!({ "deployOptions": options })
    )
    .into_bytes();
    body.extend_from_slice(zip);
    body.extend_from_slice(b"\r\n--edge--\r\n");
    post(desk, "multipart/form-data; boundary=edge", body)
}

pub(super) fn post(desk: &Desk, kind: &str, body: Vec<u8>) -> Reply {
    let bearer = format!("Bearer {}", desk.token());
    let headers = [("authorization", bearer.as_str()), ("content-type", kind)];
    desk.raw("POST", "/services/data/v66.0/metadata/deployRequest", &headers, Bytes::from(body))
}

pub(super) fn result(desk: &Desk, id: &str) -> Value {
    let path = format!("/metadata/deployRequest/{id}?includeDetails=true");
    let mut reply = desk.ask("GET", &path, &[], None, false);
    assert_eq!(reply.status, 200, "{}", reply.body);
    reply.body["deployResult"].take()
}

/// Deploys and gives the result.
pub(super) fn deploy(desk: &Desk, package: &Package) -> Value {
    let reply = order(desk, "json", &options(&json!({})), &package.zip());
    assert_eq!(reply.status, 201, "{}", reply.body);
    assert_eq!(reply.body["deployResult"]["status"], "Pending");
    result(desk, reply.body["id"].as_str().unwrap())
}

#[track_caller]
pub(super) fn succeeds(desk: &Desk, package: &Package) {
    let result = deploy(desk, package);
    assert_eq!(result["status"], "Succeeded", "{}", result["details"]["componentFailures"]);
}

/// The first problem of a package that is refused: its text, file and line.
#[track_caller]
pub(super) fn problem(package: &Package) -> (String, String, u64) {
    let result = deploy(&Desk::new(), package);
    assert_eq!((&result["status"], &result["success"]), (&json!("Failed"), &json!(false)), "{result}");
    let problem = &result["details"]["componentFailures"][0];
    assert_eq!(problem["problemType"], "Error", "{problem}");
    (
        problem["problem"].as_str().unwrap().to_owned(),
        problem["fileName"].as_str().unwrap().to_owned(),
        problem["lineNumber"].as_u64().unwrap_or_default(),
    )
}

pub(super) fn described(desk: &Desk, object: &str, field: &str) -> Option<Value> {
    let body = desk.ask("GET", &format!("/sobjects/{object}/describe"), &[], None, false).body;
    body["fields"].as_array().into_iter().flatten().find(|known| known["name"] == field).cloned()
}

/// A permission set that grants these fields, assigned to the product's user.
pub(super) fn grant(desk: &Desk, inner: &str) {
    let package = Package::new()
        .file("permissionsets/Sync.permissionset", "PermissionSet", &format!("<label>Sync</label>{inner}"))
        .member("PermissionSet", "Sync");
    succeeds(desk, &package);
    let soql = "/query?q=SELECT+Id+FROM+PermissionSet+WHERE+Name='Sync'";
    let set = desk.ask("GET", soql, &[], None, true).body["records"][0]["Id"].clone();
    let body = json!({"PermissionSetId": set, "AssigneeId": desk.known["me"]}).to_string();
    let reply = desk.ask("POST", "/sobjects/PermissionSetAssignment", &[], Some(&body), true);
    assert_eq!(reply.status, 201, "{}", reply.body);
}

pub(super) fn read_write(field: &str) -> String {
    format!(
        "<fieldPermissions><editable>true</editable><field>{field}</field><readable>true</readable></fieldPermissions>"
    )
}

pub(super) const TEXT: &str = "<type>Text</type><length>40</length>\n";

/// Fields that deploys have brought.
pub(super) fn fields_of(desk: &Desk) -> u64 {
    desk.ask("GET", "/tooling/query?q=SELECT+Id+FROM+CustomField", &[], None, false).body["totalSize"]
        .as_u64()
        .unwrap()
}
