//! What came of a write of the registration: its answer says what was understood, what stands afterwards what is true.

use anyhow::{anyhow, bail};
use http::StatusCode;
use partner_center::{Error, Registration, RegistrationRequest, Standing};
use ports::RetryClass;

use super::list;

/// What the answer to a write says.
pub(super) enum Written {
    /// It was taken.
    Taken,
    /// Nothing that can be relied on: it may have been done or not.
    Doubtful(Error),
}

impl Written {
    /// Reads the answer to a write; a refusal ends the command.
    pub(super) fn read(answer: Result<Registration, Error>) -> anyhow::Result<Self> {
        match answer {
            Ok(_) => Ok(Self::Taken),
            Err(error) if error.class() == RetryClass::Doubtful => Ok(Self::Doubtful(error)),
            Err(error) if error.api().is_some_and(|error| error.status() == StatusCode::NOT_FOUND) => {
                Err(anyhow!("the registration vanished meanwhile\n  fix: try again"))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// The complaint about a write that was never done: nothing says that it was, and `stands` is what stood before.
    pub(super) fn lost(
        &self,
        before: Option<&Registration>,
        stands: Option<&Registration>,
    ) -> Option<anyhow::Error> {
        let Self::Doubtful(error) = self else { return None };
        let unchanged =
            if before.is_some() { "the former registration stands" } else { "there is none still" };
        (before == stands).then(|| anyhow!("{error}; nothing was changed: {unchanged}\n  fix: try again"))
    }

    /// The registration that stands, if it is the one that was asked for.
    pub(super) fn confirmed(
        &self,
        request: &RegistrationRequest,
        before: Option<&Registration>,
        stands: Option<Registration>,
    ) -> anyhow::Result<Registration> {
        if let Some(lost) = self.lost(before, stands.as_ref()) {
            return Err(lost);
        }
        let took = match self {
            Self::Taken => "Partner Center took the registration".to_owned(),
            Self::Doubtful(error) => {
                format!("whether Partner Center took the registration is not known ({error})")
            }
        };
        match (request.standing(stands.as_ref()), stands) {
            (Standing::Ours { lacking }, Some(stands)) if lacking.is_empty() => Ok(stands),
            (Standing::Ours { lacking }, _) => {
                bail!("{took}, but it lacks {}\n  fix: cosell webhook show", list(&lacking))
            }
            (Standing::Displaced { by }, _) => bail!(
                "{took}, and now it leads elsewhere: {}\n  fix: find out who registers at the same time",
                by.shown_url()
            ),
            (Standing::Absent, _) => bail!("{took}, and yet there is none\n  fix: try again"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn registration(url: &str) -> Registration {
        Registration { url: url.to_owned(), events: vec!["referral-created".to_owned()], subscriber_id: None }
    }

    #[test]
    fn a_doubtful_write_is_judged_by_what_stands() {
        let request = RegistrationRequest {
            url: "https://cosell.example/x".parse().unwrap(),
            events: vec!["referral-created".to_owned()],
            signature_in_ms_header: false,
        };
        let doubtful = Written::Doubtful(Error::Endless { reason: "no answer" });
        let [ours, theirs, thirds] =
            ["https://cosell.example/x", "https://theirs.example/x", "https://thirds.example/x"]
                .map(registration);
        for (before, stands, told) in [
            (Some(&theirs), Some(&ours), None),
            (Some(&theirs), Some(&theirs), Some("nothing was changed: the former registration stands")),
            (None, None, Some("nothing was changed: there is none still")),
            (Some(&theirs), Some(&thirds), Some("leads elsewhere: https://thirds.example/x")),
            (Some(&theirs), None, Some("and yet there is none")),
        ] {
            let read = doubtful.confirmed(&request, before, stands.cloned());
            let complaint = read.as_ref().err().map(ToString::to_string);
            assert_eq!(complaint.is_some(), told.is_some(), "{complaint:?}");
            let complaint = complaint.unwrap_or_default();
            assert!(complaint.contains(told.unwrap_or_default()), "{complaint}");
            assert!(!complaint.contains("Center took the registration,"), "nobody knows: {complaint}");
        }
        let taken = Written::Taken.confirmed(&request, Some(&theirs), Some(theirs.clone())).unwrap_err();
        assert!(taken.to_string().contains("now it leads elsewhere"), "{taken}");
    }
}
