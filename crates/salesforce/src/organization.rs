//! Who the org is, and as whom it is called: two rows that every user may read.

use crate::{
    CallContext, Client, Error, FieldPath, ObjectName, Record, Result, Standing,
    soql::{Condition, Op, Select},
};

impl Client {
    /// Asks the org who it is, and where calls go; two calls.
    ///
    /// # Errors
    /// As every call.
    pub async fn organization(&self, context: CallContext) -> Result<Standing> {
        let organization = Select::from(&object("Organization")).fields(&[path("IsSandbox")]).build();
        let page = self.query(context, &organization).await?;
        let is_sandbox = page.records.first().and_then(|org| org.at("IsSandbox")?.as_bool());
        self.learn_kind(is_sandbox);
        self.standing().ok_or_else(|| Error::NotGranted { reason: "the session ended meanwhile".to_owned() })
    }

    /// The name of the user that calls are made as, if the org tells it. Personal data: for a person's eyes, never for a
    /// log.
    ///
    /// # Errors
    /// As every call.
    pub async fn username(&self, context: CallContext) -> Result<Option<String>> {
        let user = self.user_id().await?;
        let page = self.query(context, &Self::username_query(user.as_str())).await?;
        Ok(page.records.first().and_then(|user: &Record| user.at("Username")?.as_str().map(str::to_owned)))
    }

    pub(crate) fn username_query(user: &str) -> crate::soql::Soql {
        Select::from(&object("User"))
            .fields(&[path("Username")])
            .filter(Condition::compare(&path("Id"), Op::Eq, user))
            .build()
    }
}

fn object(name: &str) -> ObjectName {
    ObjectName::new(name).expect("a constant that is a name")
}

fn path(name: &str) -> FieldPath {
    FieldPath::new(name).expect("a constant that is a name")
}
