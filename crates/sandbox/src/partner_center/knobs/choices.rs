//! What those knobs can be set to that are neither switches nor numbers.

use serde::{Deserialize, Serialize};

/// Where Microsoft's referral can be seen by the partner (reference, section 4.2: visibility by the API is inferred).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RelatedVisibility {
    /// In every list whose filter it passes, and by GET.
    Everywhere,
    /// In lists whose filter names `engagementId`, and by GET.
    Engagement,
    /// Nowhere; GET answers 404.
    Hidden,
}

/// Whose id the `related-referral-*` events carry (reference, section 6.2: undocumented).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RelatedEventId {
    /// The other party's referral, the one that changed.
    Theirs,
    /// The partner's own referral in the same engagement.
    Ours,
}

/// What step 2 of the shared create answers with (reference, section 4.3: drawn as `{id}` alone).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SecondPostBody {
    /// The whole entity.
    Full,
    /// `{"id": ...}`.
    Id,
}

/// What becomes of a refresh token that was exchanged for a new one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OldRefreshToken {
    /// It works until it expires by itself.
    Stays,
    /// It is refused from now on.
    Dies,
}

/// What meets refresh tokens of everybody who is signed in when the knob is set; who signs in anew is past it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SignIn {
    /// Nothing.
    Works,
    /// Multi-factor authentication is demanded (AADSTS50076).
    MfaRequired,
    /// A Conditional Access policy demands interaction (`interaction_required`).
    InteractionRequired,
    /// The token was idle for too long (AADSTS700082).
    TokenExpired,
    /// The token was revoked, for instance by a new password (AADSTS50173).
    TokenRevoked,
}

/// What a person does who is asked to let an application in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SignInAnswer {
    /// Nothing by itself: a page waits, or an actor answers.
    Waits,
    /// Approves at once, as the Referrals admin or who the login hint names.
    Approves,
    /// Declines at once.
    Declines,
}

/// The form of `@odata.nextLink`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NextLink {
    /// As in Microsoft's samples: plain http, and without `/engagements`, where nothing answers.
    Documented,
    /// The address of the list itself.
    Sane,
}

/// Which paths `$filter` may name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FilterPaths {
    /// Those that Microsoft's pages use, and the three times and identifiers every service of this kind has.
    Documented,
    /// Every member of a referral.
    Any,
}

/// What `@odata.count` counts (reference, section 2.1: unclear).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CountMeaning {
    /// Everything that passes the filter.
    Total,
    /// The items of this page.
    Page,
}

/// Whose certificate signs a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Signer {
    /// Microsoft's, as it should be.
    Genuine,
    /// The right name and issuer, out of its validity.
    Expired,
    /// The right names all along, under a root nobody trusts.
    Foreign,
    /// Under the trusted root, with an intermediate of another organisation.
    OtherOrganization,
    /// The genuine certificate, but the signature is of other bytes.
    Tampered,
    /// No signature header at all.
    Unsigned,
}

/// Which role the webhook registration asks of a user (reference, section 1.4: two pages contradict each other).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WebhookRole {
    /// None.
    Any,
    /// The Referrals admin, as the connector's pages say.
    ReferralsAdmin,
    /// An Admin agent, as the webhooks page says; the Referrals admin is none.
    AdminAgent,
}

/// How `error` spells what Microsoft's pages spell in two ways (reference, section 5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ErrorSpelling {
    /// `innerError`, `unauthenticated`.
    Listed,
    /// `innererror`, `unAuthorized`, as in samples, and one level deeper.
    Sampled,
}

/// What the gateway does to calls (reference, section 5; the numbers are unpublished).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Gateway {
    /// Lets them through, as far as `calls_a_minute` says.
    Open,
    /// 503 with `Retry-After`.
    Unavailable,
    /// 509, the bandwidth limit.
    BandwidthExceeded,
}
