//! Everything about Partner Center that is undocumented, as named settings with defaults (reference, section 10).

mod choices;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

pub use self::choices::{
    CountMeaning, ErrorSpelling, FilterPaths, Gateway, NextLink, OldRefreshToken, RelatedEventId,
    RelatedVisibility, SecondPostBody, SignIn, SignInAnswer, Signer, WebhookRole,
};

/// Writes the settings down once: as members, as defaults, and as what the control surface says about them.
macro_rules! knobs {
    ($($(#[doc = $doc:literal])+ $name:ident: $kind:ty = $default:expr;)+) => {
        /// All settings. `GET /_sandbox/knobs` shows them, `PATCH` sets those it names.
        #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(default, deny_unknown_fields)]
        pub struct Knobs {
            $($(#[doc = $doc])+ pub $name: $kind,)+
        }

        impl Default for Knobs {
            fn default() -> Self {
                Self { $($name: $default,)+ }
            }
        }

        /// Every setting's name and what it is about.
        const ABOUT: &[(&str, &str)] = &[$((stringify!($name), concat!($($doc),+)),)+];
    };
}

knobs! {
    /// Status of a successful POST: 200 or 201.
    create_status: u16 = 200;
    /// Body of the answer to the second POST.
    second_post_body: SecondPostBody = SecondPostBody::Full;
    /// Whether an engagement may get a second referral of Microsoft's, so that duplicates can be counted.
    allow_second_microsoft_referral: bool = true;
    /// Status of a stale `If-Match`: 412 or 409.
    stale_status: u16 = 412;
    /// Paths that PATCH allows beside the built-in list, exactly as sent.
    patch_paths_extra: Vec<String> = Vec::new();
    /// Paths that PATCH refuses all the same, as some tenant may.
    patch_paths_refused: Vec<String> = Vec::new();
    /// Whether PATCH may close a referral as `Error`.
    close_as_error: bool = true;
    /// Whether a referral that was never accepted may be closed as Won.
    won_from_new: bool = true;
    /// Whether Declined, Lost and Error need a `statusReason`.
    require_status_reason: bool = false;
    /// Whether a deal needs the `CustomerMarketplaceIntent` attribute.
    require_marketplace_intent: bool = true;
    /// Whether POST refuses server-assigned members instead of ignoring them.
    refuse_server_members: bool = true;
    /// Whether members that no page describes are refused instead of ignored.
    refuse_unknown_members: bool = true;
    /// Solution ids that are co-sell ready; empty: any.
    known_solutions: Vec<String> = Vec::new();
    /// Longest deal name, in characters.
    max_name_chars: Option<usize> = None;
    /// Longest notes, in characters.
    max_notes_chars: Option<usize> = None;
    /// Where the notes and the name are cut without a word, in characters; absent: they are kept whole.
    cut_texts_at: Option<usize> = None;
    /// Whether a closing date in the past is refused.
    refuse_past_closing: bool = false;
    /// Whether the error's `target` is always `referral`, as in Microsoft's sample, instead of the member.
    whole_error_target: bool = false;
    /// How long a new referral stays out of lists, in milliseconds. GET sees it at once.
    late_in_lists_ms: u64 = 0;
    /// How far lists lag behind writes, in milliseconds.
    list_lag_ms: u64 = 0;
    /// How far GET lags behind writes, in milliseconds. A new referral is seen at once.
    get_lag_ms: u64 = 0;
    /// Where Microsoft's referral can be seen.
    related_visibility: RelatedVisibility = RelatedVisibility::Everywhere;
    /// Form of the continuation link.
    next_link: NextLink = NextLink::Documented;
    /// Items on a full page.
    page_size: usize = 100;
    /// Paths that `$filter` may name.
    filter_paths: FilterPaths = FilterPaths::Documented;
    /// Whether every list carries `@odata.count`, as the sample does, instead of those that ask for it.
    count_unasked: bool = false;
    /// Meaning of `@odata.count`.
    count_meaning: CountMeaning = CountMeaning::Total;
    /// Whether `links` misspells `engagements`, as samples do.
    misspell_links: bool = false;
    /// Calls of the Referrals API let through in any 60 seconds; absent: no limit.
    calls_a_minute: Option<u32> = None;
    /// The window that `calls_a_minute` counts in, in milliseconds, for a test that cannot wait for minutes.
    calls_window_ms: u32 = 60_000;
    /// Life of an access token, in seconds.
    access_token_seconds: u32 = 3600;
    /// What becomes of a used refresh token.
    old_refresh_token: OldRefreshToken = OldRefreshToken::Stays;
    /// Life of a refresh token, in days.
    refresh_token_days: u32 = 90;
    /// What meets refresh tokens of sign-ins from before the knob was set.
    sign_in: SignIn = SignIn::Works;
    /// What a person does who is asked to let an application in.
    sign_in_answer: SignInAnswer = SignInAnswer::Waits;
    /// Whether the Referrals API answers 403 `insufficient_claims` to tokens of sign-ins from before the knob was set.
    claims_challenge: bool = false;
    /// Whether a password alone gives a token (reference, section 1.3: to be treated as dead).
    ropc: bool = false;
    /// Whether the client secret has expired (AADSTS7000222).
    secret_expired: bool = false;
    /// Whether the confidential client, too, must prove that it asked for its authorization code.
    require_pkce: bool = false;
    /// Life of a device code, in minutes.
    device_code_minutes: u32 = 15;
    /// Seconds that a client waits between two polls with a device code.
    device_code_interval_seconds: u32 = 5;
    /// Whose id the related events carry.
    related_event_id: RelatedEventId = RelatedEventId::Theirs;
    /// Whether the partner's own changes by the API raise events.
    webhook_own_changes: bool = true;
    /// How long after the change an event leaves, in milliseconds.
    webhook_delay_ms: u64 = 0;
    /// At most this much more, drawn for each event, in milliseconds: events overtake each other.
    webhook_jitter_ms: u64 = 0;
    /// How often each event is sent besides the first time.
    webhook_duplicates: u8 = 0;
    /// Share of events that never leave, in percent.
    webhook_lose_percent: u8 = 0;
    /// Whether events that are due together leave newest first.
    webhook_newest_first: bool = false;
    /// Wait after the first failed attempt, in milliseconds; doubles up to a minute.
    webhook_retry_ms: u64 = 1000;
    /// Who signs.
    webhook_signer: Signer = Signer::Genuine;
    /// Whether the webhook API answers in camelCase, as its schema says, instead of PascalCase, as its pages do.
    webhook_camel_case: bool = false;
    /// Whether notifications say `AuditUrl`, as a table does, instead of `AuditUri`, as samples do.
    webhook_audit_url: bool = false;
    /// Which role the webhook registration asks of a user.
    webhook_role: WebhookRole = WebhookRole::Any;
    /// Whether an application alone may use the webhook registration.
    webhook_app_only: bool = true;
    /// Whether the partner has a co-sell ready solution; without one no co-sell deal can be created.
    co_sell_ready: bool = true;
    /// Whether a referral to which another partner invited can only be read.
    p2p_read_only: bool = true;
    /// Organisation id of Microsoft, as its referrals carry it.
    microsoft_organization_id: String = "msft".to_owned();
    /// Whether the partner's own deals are labelled Incoming, as captures show.
    own_deals_are_incoming: bool = false;
    /// Whether inviting Microsoft makes an Independent deal Shared.
    upgrade_makes_shared: bool = false;
    /// Whether a deal's customer contacts are read-only once Microsoft was invited.
    contacts_read_only: bool = false;
    /// Whether a deal needs notes, as the portal's page demands.
    require_notes: bool = false;
    /// Whether a deal needs partner role, solution area and solution play, as services co-sell does.
    require_services_attributes: bool = false;
    /// Types that an entry of `attributes` may have; empty: any.
    attribute_types: Vec<String> = Vec::new();
    /// Whether products, services, industries, categories and devices must be on the published lists.
    check_codes: bool = false;
    /// Whether a reason must be one of the published ones: nine of an error, eight of a decline or loss.
    check_reasons: bool = false;
    /// Longest text of any other member, in characters.
    max_text_chars: Option<usize> = None;
    /// Days until an unanswered invitation expires.
    expiry_days: u32 = 14;
    /// Whether it expires at the midnight before, as samples show, instead of to the second.
    expiry_at_midnight: bool = true;
    /// Whether Microsoft's decline of a deal under 25,000 shows no reason.
    small_declines_are_silent: bool = true;
    /// Whether marketplace leads can be seen.
    marketplace_leads: bool = true;
    /// Whether the rules of a deal registration are checked.
    check_registrations: bool = true;
    /// Solution ids that are eligible for registration; empty: any.
    azure_ip_solutions: Vec<String> = Vec::new();
    /// Whether a referral without registrations lacks the member.
    omit_empty_registrations: bool = false;
    /// Whether a customer without ids has `{}` instead of `[]`.
    empty_ids_as_object: bool = false;
    /// Whether a call without `client-request-id` is refused, as one page says.
    require_client_request_id: bool = false;
    /// How errors are spelt.
    error_spelling: ErrorSpelling = ErrorSpelling::Listed;
    /// What the gateway does to calls.
    gateway: Gateway = Gateway::Open;
    /// Whether the limit moves: for every window it is drawn anew between half of `calls_a_minute` and all of it.
    adaptive_limit: bool = false;
    /// Whether a call before `Retry-After` is over starts the wait anew.
    early_calls_count: bool = false;
    /// Deeds of Microsoft's self-acting seller per deal and day, on average; 0: it does nothing by itself.
    seller_deeds_a_day: u32 = 0;
}

impl Knobs {
    /// Every setting with what it is about, its present and its first value.
    pub fn described(&self) -> Value {
        let (present, first) = (json!(self), json!(Self::default()));
        let describe = |(name, about): &(&str, &str)| json!({ "name": name, "about": about.trim(), "value": present[name], "default": first[name] });
        ABOUT.iter().map(describe).collect()
    }

    /// These knobs with the members of `patch` set.
    ///
    /// # Errors
    /// A sentence naming the unknown knob or the unfit value.
    pub fn patched(&self, patch: &Value) -> Result<Self, String> {
        let Value::Object(patch) = patch else { return Err("knobs are set by a JSON object".to_owned()) };
        let mut all = serde_json::to_value(self).map_err(|error| error.to_string())?;
        for (name, value) in patch {
            all[name.as_str()] = value.clone();
        }
        let knobs: Self = serde_json::from_value(all).map_err(|error| error.to_string())?;
        let fit = [
            (matches!(knobs.create_status, 200 | 201), "create_status is 200 or 201"),
            (matches!(knobs.stale_status, 412 | 409), "stale_status is 412 or 409"),
            ((1..=1000).contains(&knobs.page_size), "page_size is 1 to 1000"),
            ((100..=3_600_000).contains(&knobs.calls_window_ms), "calls_window_ms is 100 to an hour"),
            (knobs.webhook_lose_percent <= 100, "webhook_lose_percent is at most 100"),
            ((1..=365).contains(&knobs.expiry_days), "expiry_days is 1 to 365"),
            (knobs.seller_deeds_a_day <= 86_400, "seller_deeds_a_day is at most 86400"),
            (!knobs.microsoft_organization_id.is_empty(), "microsoft_organization_id is not empty"),
            (knobs.webhook_duplicates <= 10, "webhook_duplicates is at most 10"),
            (
                [knobs.webhook_delay_ms, knobs.webhook_jitter_ms, knobs.webhook_retry_ms]
                    .iter()
                    .chain(&[knobs.late_in_lists_ms, knobs.list_lag_ms, knobs.get_lag_ms])
                    .all(|wait| *wait <= 86_400_000),
                "waits and lags are at most a day",
            ),
        ];
        fit.iter().find(|(fits, _)| !fits).map_or(Ok(knobs), |(_, sentence)| Err((*sentence).to_owned()))
    }
}
