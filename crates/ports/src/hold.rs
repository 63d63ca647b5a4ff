//! Named places around an effect at which a test may stop the program.

/// Which remote effect is under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EffectKind {
    /// The partner's own referral is created.
    Create,
    /// Microsoft's referral is created in the same engagement.
    CreateCompanion,
    /// A referral is changed.
    Patch,
    /// Salesforce records are written.
    CrmWrite,
}

impl EffectKind {
    /// The name used in configuration and test tallies.
    pub fn name(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::CreateCompanion => "create-companion",
            Self::Patch => "patch",
            Self::CrmWrite => "crm-write",
        }
    }
}

/// Where, around an effect. The two places on the server's side of the wire belong to the sandbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HoldPoint {
    /// The answer was read; nothing of it is committed yet.
    AfterAnswer,
    /// Everything is written inside the transaction; it is not committed yet.
    InCommit,
}

impl HoldPoint {
    /// The name used in configuration and test tallies.
    pub fn name(self) -> &'static str {
        match self {
            Self::AfterAnswer => "after-answer",
            Self::InCommit => "in-commit",
        }
    }
}

/// Reached by the engine and the store at each hold-point. In production it is [`NoHolds`].
///
/// Blocking on purpose: the store reaches its point inside an open transaction, where nothing may be awaited.
pub trait HoldPoints: Send + Sync + 'static {
    /// Called at `point` of an effect of `kind`. A test's implementation may never return.
    fn reach(&self, point: HoldPoint, kind: EffectKind);
}

/// Holds nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoHolds;

impl HoldPoints for NoHolds {
    fn reach(&self, _: HoldPoint, _: EffectKind) {}
}
