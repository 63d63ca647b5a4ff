//! Salesforce: objects, rows, queries.
