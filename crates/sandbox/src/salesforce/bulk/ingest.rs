//! What an ingest job does with each row of its upload (salesforce reference, section 3).

use serde_json::{Map, Value};

use super::{
    super::{
        errors::Fault,
        id::Id,
        org::{Caller, Org},
        rows::Upserted,
        schema::{Kind, system},
    },
    dialect::{Dialect, Table},
    job::{Operation, Outcome},
};

/// What empties a field; an empty cell leaves it alone.
const EMPTY: &str = "#N/A";
/// Longest cell and row, in characters, and most columns (section 3, limits).
const MAX_CELL: usize = 131_072;
const MAX_ROW: usize = 400_000;
const MAX_COLUMNS: usize = 5_000;

/// What a column of an upload is.
enum Column {
    Id,
    Field(usize),
    /// A parent, named by one of its external ids: relationship and field.
    Parent(String, String),
}

/// `CODE:message:fields --`.
fn complaint(fault: &Fault) -> String {
    let fields =
        if fault.fields.is_empty() { String::new() } else { format!("{} ", fault.fields.join(", ")) };
    format!("{}:{}:{fields}--", fault.code, fault.message)
}

impl Org {
    /// Writes an upload's rows.
    ///
    /// # Errors
    /// A sentence when no row can be looked at; the job fails.
    pub(super) fn ingest(
        &mut self,
        caller: &Caller,
        object: usize,
        operation: Operation,
        key: Option<&str>,
        dialect: Dialect,
        upload: &[u8],
    ) -> Result<Outcome, (String, Outcome)> {
        let bad = |text: String| format!("InvalidBatch : {text}");
        let table = dialect.read(upload).map_err(|text| (bad(text), Outcome::default()))?;
        let columns = self.columns_of(caller, object, operation, &table.header);
        let Table { header, rows } = table;
        let columns = match columns {
            Ok(columns) => columns,
            Err(text) => return Err((bad(text), Outcome { header, untouched: rows, ..Outcome::default() })),
        };
        let mut outcome = Outcome { header, ..Outcome::default() };
        for row in rows {
            match self.ingest_row(caller, object, operation, key, &columns, &row) {
                Ok((id, created)) => {
                    outcome.done.push([vec![id.to_string(), created.to_string()], row].concat());
                }
                Err(fault) => {
                    let at = columns.iter().position(|column| matches!(column, Column::Id));
                    let id = at.and_then(|at| row.get(at)).cloned().unwrap_or_default();
                    outcome.failed.push([vec![id, complaint(&fault)], row].concat());
                }
            }
            self.tables.settle();
        }
        Ok(outcome)
    }

    fn columns_of(
        &self,
        caller: &Caller,
        object: usize,
        operation: Operation,
        header: &[String],
    ) -> Result<Vec<Column>, String> {
        if header.len() > MAX_COLUMNS {
            return Err(format!("more than {MAX_COLUMNS} columns"));
        }
        let removes = matches!(operation, Operation::Delete | Operation::HardDelete);
        let columns = header
            .iter()
            .map(|name| {
                let name = name.trim();
                if name.eq_ignore_ascii_case("Id") {
                    return Ok(Column::Id);
                }
                if let Some((parent, field)) = name.split_once('.') {
                    let known = self.schema.object(object).parent(parent).is_some();
                    return if known {
                        Ok(Column::Parent(parent.to_owned(), field.to_owned()))
                    } else {
                        Err(format!("Field name not found : {name}"))
                    };
                }
                let at = self.position(caller.role, object, name);
                at.map(Column::Field).ok_or_else(|| format!("Field name not found : {name}"))
            })
            .collect::<Result<Vec<_>, _>>()?;
        let ids = columns.iter().filter(|column| matches!(column, Column::Id)).count();
        match operation {
            Operation::Insert if ids > 0 => Err("Id is not allowed in an insert".to_owned()),
            Operation::Update if ids == 0 => Err("Id is required in an update".to_owned()),
            _ if removes && (ids != 1 || columns.len() != 1) => {
                Err("a delete has the column Id and no other".to_owned())
            }
            _ => Ok(columns),
        }
    }

    fn ingest_row(
        &mut self,
        caller: &Caller,
        object: usize,
        operation: Operation,
        key: Option<&str>,
        columns: &[Column],
        row: &[String],
    ) -> Result<(Id, bool), Fault> {
        if row.iter().map(|cell| cell.chars().count()).sum::<usize>() > MAX_ROW {
            return Err(Fault::bad("LIMIT_EXCEEDED", format!("a row has at most {MAX_ROW} characters")));
        }
        let (mut id, mut body) = (None, Map::new());
        for (column, cell) in columns.iter().zip(row) {
            if cell.is_empty() {
                continue;
            }
            if cell.chars().count() > MAX_CELL {
                return Err(Fault::bad(
                    "STRING_TOO_LONG",
                    format!("a cell has at most {MAX_CELL} characters"),
                ));
            }
            match column {
                Column::Id => id = Some(cell.trim()),
                Column::Field(at) => {
                    let Some(field) = self.schema.object(object).fields.get(*at) else { continue };
                    let value =
                        if cell == EMPTY { Value::Null } else { typed(&field.kind, field.name, cell)? };
                    body.insert(field.name.to_string(), value);
                }
                Column::Parent(parent, field) => {
                    body.insert(parent.clone(), serde_json::json!({field.as_str(): cell}));
                }
            }
        }
        let row_id = |text: Option<&str>| {
            let text =
                text.ok_or_else(|| Fault::bad("MISSING_ARGUMENT", "Id not specified in an update call"))?;
            Id::parse(text)
                .filter(|id| self.object_of(*id) == Some(object))
                .ok_or_else(|| Fault::malformed_id(text))
        };
        match operation {
            Operation::Insert => self.insert(caller, object, &body).map(|id| (id, true)),
            Operation::Update => {
                let id = row_id(id)?;
                self.update(caller, object, id, &body).map(|()| (id, false)).map_err(of_row)
            }
            Operation::Delete | Operation::HardDelete => {
                let id = row_id(id)?;
                self.delete(caller, object, id).map(|()| (id, false)).map_err(of_row)
            }
            Operation::Upsert => {
                let name = key.unwrap_or("Id");
                let at = self.position(caller.role, object, name).ok_or_else(Fault::not_found)?;
                if at == system::ID {
                    return match id {
                        Some(_) => {
                            let id = row_id(id)?;
                            self.update(caller, object, id, &body).map(|()| (id, false)).map_err(of_row)
                        }
                        None => self.insert(caller, object, &body).map(|id| (id, true)),
                    };
                }
                let own = self.schema.object(object).fields.get(at).map(|field| field.name.to_string());
                let value = own.and_then(|name| body.remove(&name)).unwrap_or_default();
                let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                match self.upsert(caller, object, at, &value, &body, false)? {
                    Upserted::Created(id) => Ok((id, true)),
                    Upserted::Updated(id) => Ok((id, false)),
                    Upserted::Several(_) => Err(Fault::bad(
                        "DUPLICATE_EXTERNAL_ID",
                        format!("{name}: more than one record found for external id field"),
                    )
                    .on(name)),
                }
            }
        }
    }
}

/// In a job, a row that is not there is the row's own error.
fn of_row(fault: Fault) -> Fault {
    match fault.code {
        "NOT_FOUND" => Fault::bad("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id"),
        _ => fault,
    }
}

/// A cell as the JSON that the field takes.
fn typed(kind: &Kind, name: &str, cell: &str) -> Result<Value, Fault> {
    let wrong = |wanted: &str| {
        let text = format!("'{cell}' is not a valid value for the type xsd:{wanted}");
        Err(Fault::bad("INVALID_TYPE_ON_FIELD_IN_RECORD", text).on(name))
    };
    match kind {
        Kind::Boolean => match cell.trim().to_ascii_lowercase().as_str() {
            "true" | "1" => Ok(Value::Bool(true)),
            "false" | "0" => Ok(Value::Bool(false)),
            _ => wrong("boolean"),
        },
        Kind::Currency { .. } | Kind::Double { .. } | Kind::Percent { .. } | Kind::Int { .. } => cell
            .trim()
            .parse::<serde_json::Number>()
            .map_or_else(|_| wrong("double"), |number| Ok(Value::Number(number))),
        _ => Ok(Value::from(cell)),
    }
}
