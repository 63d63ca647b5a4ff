//! What the identity platform's error numbers mean, and what a person does about each.
//!
//! The numbers are Entra's public ones; one that is not listed is explained by the OAuth error code it came with.

/// What a number means.
#[derive(Debug, Clone, Copy)]
pub(super) struct Known {
    code: u32,
    pub(super) kind: Kind,
    /// Completes "no token: ...".
    pub(super) sentence: &'static str,
    pub(super) next_step: &'static str,
}

/// Which kind of trouble it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// The refresh token is dead.
    Dead,
    /// Multi-factor authentication.
    Mfa,
    /// A policy on place, device or age.
    Policy,
    /// Consent.
    Consent,
    /// The application does not prove itself.
    Client,
    /// Something in the request or the configuration.
    Request,
}

pub(super) const SIGN_IN: &str = "Run `cosell login partner-center` as the synchronisation's user.";
pub(super) const SIGN_IN_WITH_MFA: &str = "Run `cosell login partner-center` as the synchronisation's user and pass \
                                           multi-factor authentication.";
pub(super) const SIGN_IN_AS_POLICIES_ASK: &str = "Run `cosell login partner-center` as the synchronisation's user from a place and device that your Conditional \
     Access policies allow; if it comes back, ask your Entra administrator to let this user and application through.";
pub(super) const CONSENT: &str = "Let an administrator grant consent in Entra (App registrations, the application, API \
                                  permissions, Grant admin consent) for both Partner Center permissions, then run \
                                  `cosell login partner-center`.";
const SIGN_IN_PASSWORD: &str = "Let the synchronisation's user set a new password, then run `cosell login \
                                partner-center` as that user.";
const OTHER_USER: &str = "Run `cosell login partner-center` as a user of the configured tenant whose account is \
                          enabled and assigned to the application.";
const CERTIFICATE: &str = "Upload the certificate that [partner_center] client_certificate names to the application in \
                           Entra (Certificates & secrets), or name the one that is registered there.";
const REDIRECT: &str = "Register http://127.0.0.1 (or what [partner_center] login_redirect says) as a redirect address \
                        of the application in Entra (Authentication, Mobile and desktop applications), or run `cosell \
                        login partner-center --device-code`.";

const fn known_as(code: u32, kind: Kind, sentence: &'static str, next_step: &'static str) -> Known {
    Known { code, kind, sentence, next_step }
}

const TABLE: [Known; 40] = [
    known_as(70_008, Kind::Dead, "the sign-in has expired", SIGN_IN),
    known_as(700_082, Kind::Dead, "the sign-in has expired: it was not used for too long", SIGN_IN),
    known_as(700_084, Kind::Dead, "the sign-in has expired", SIGN_IN),
    known_as(
        50_173,
        Kind::Dead,
        "the sign-in was revoked: the password changed or an administrator ended it",
        SIGN_IN,
    ),
    known_as(
        50_132,
        Kind::Dead,
        "the sign-in was revoked: the password changed or an administrator ended it",
        SIGN_IN,
    ),
    known_as(50_133, Kind::Dead, "the sign-in was revoked: the password changed or has expired", SIGN_IN),
    known_as(50_055, Kind::Dead, "the user's password has expired", SIGN_IN_PASSWORD),
    known_as(50_057, Kind::Dead, "the user's account is disabled", OTHER_USER),
    known_as(50_034, Kind::Dead, "the user's account is not in this tenant", OTHER_USER),
    known_as(50_020, Kind::Dead, "the user's account is not in this tenant", OTHER_USER),
    known_as(50_105, Kind::Dead, "the user is not assigned to the application", OTHER_USER),
    known_as(50_072, Kind::Mfa, "the user must set up multi-factor authentication", SIGN_IN_WITH_MFA),
    known_as(50_074, Kind::Mfa, "multi-factor authentication is required", SIGN_IN_WITH_MFA),
    known_as(50_076, Kind::Mfa, "multi-factor authentication is required", SIGN_IN_WITH_MFA),
    known_as(50_078, Kind::Mfa, "multi-factor authentication was too long ago", SIGN_IN_WITH_MFA),
    known_as(50_079, Kind::Mfa, "the user must set up multi-factor authentication", SIGN_IN_WITH_MFA),
    known_as(53_004, Kind::Mfa, "the user must set up multi-factor authentication", SIGN_IN_WITH_MFA),
    known_as(50_097, Kind::Policy, "a policy demands a known device", SIGN_IN_AS_POLICIES_ASK),
    known_as(50_158, Kind::Policy, "a policy demands a further check", SIGN_IN_AS_POLICIES_ASK),
    known_as(53_000, Kind::Policy, "a policy demands a compliant device", SIGN_IN_AS_POLICIES_ASK),
    known_as(53_001, Kind::Policy, "a policy demands a device of the domain", SIGN_IN_AS_POLICIES_ASK),
    known_as(53_002, Kind::Policy, "a policy does not allow this application", SIGN_IN_AS_POLICIES_ASK),
    known_as(
        53_003,
        Kind::Policy,
        "a Conditional Access policy does not let the sign-in through",
        SIGN_IN_AS_POLICIES_ASK,
    ),
    known_as(
        530_032,
        Kind::Policy,
        "a security policy of the tenant does not let the sign-in through",
        SIGN_IN_AS_POLICIES_ASK,
    ),
    known_as(70_043, Kind::Policy, "a policy demands a new sign-in every so often", SIGN_IN_AS_POLICIES_ASK),
    known_as(65_001, Kind::Consent, "the application's permissions lack consent", CONSENT),
    known_as(
        90_094,
        Kind::Consent,
        "an administrator must consent to the application's permissions",
        CONSENT,
    ),
    known_as(650_052, Kind::Consent, "the tenant does not know the service that is asked for", CONSENT),
    known_as(
        7_000_215,
        Kind::Client,
        "the client secret is wrong",
        "Put the secret's value (not its id) where [partner_center] client_secret says, and start again.",
    ),
    known_as(
        7_000_222,
        Kind::Client,
        "the client secret has expired",
        "Make a new secret in Entra (Certificates & secrets), put it where [partner_center] client_secret says, and \
         start again.",
    ),
    known_as(
        7_000_218,
        Kind::Client,
        "the application must prove itself",
        "Set client_secret, or client_certificate and client_key, in [partner_center]; or allow public client flows \
         for the application in Entra (Authentication).",
    ),
    known_as(
        700_025,
        Kind::Client,
        "the application is a public client and must not prove itself",
        "Take client_secret, client_certificate and client_key out of [partner_center].",
    ),
    known_as(
        700_016,
        Kind::Client,
        "the tenant does not know the application",
        "Correct tenant_id and client_id of [partner_center].",
    ),
    known_as(
        700_027,
        Kind::Client,
        "the certificate is not registered for the application, or it has expired",
        CERTIFICATE,
    ),
    known_as(700_030, Kind::Client, "the certificate is not one that the application may use", CERTIFICATE),
    known_as(
        700_024,
        Kind::Client,
        "the signed proof is not valid at this time",
        "Set this machine's clock: it differs from the identity platform's.",
    ),
    known_as(
        700_021,
        Kind::Client,
        "the signed proof is for another address",
        "Correct token_url of [partner_center].",
    ),
    known_as(90_002, Kind::Request, "there is no such tenant", "Correct tenant_id of [partner_center]."),
    known_as(50_011, Kind::Request, "the redirect address is not registered", REDIRECT),
    known_as(500_011, Kind::Consent, "the tenant does not know the service that is asked for", CONSENT),
];

/// The first of `codes` that is known.
pub(super) fn known(codes: &[u32]) -> Option<&'static Known> {
    codes.iter().find_map(|code| TABLE.iter().find(|known| known.code == *code))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_number_is_explained_twice_and_every_step_is_a_sentence() {
        let numbers: BTreeSet<u32> = TABLE.iter().map(|known| known.code).collect();
        assert_eq!(numbers.len(), TABLE.len());
        for known in TABLE {
            assert!(known.next_step.ends_with('.') && !known.sentence.ends_with('.'), "{known:?}");
        }
    }
}
