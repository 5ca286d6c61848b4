//! How the admin API says no: a status, what is wrong, and what to do next.

use axum::Json;
use axum::http::StatusCode;
use axum::http::header::WWW_AUTHENTICATE;
use axum::response::{IntoResponse, Response};

use partywall_secrets::NotSealed;
use partywall_store::StoreError;

use crate::apply::NotApplied;
use crate::control::Unreadable;
use crate::secrets::NotDone;
use crate::wire::{self, Mistake, Problem};

/// A refusal that becomes an answer.
#[derive(Debug)]
pub(crate) struct Refused {
    pub(crate) status: StatusCode,
    pub(crate) message: String,
    hint: &'static str,
    mistakes: Vec<Mistake>,
}

impl Refused {
    pub(crate) fn new(status: StatusCode, message: impl Into<String>, hint: &'static str) -> Self {
        Self { status, message: message.into(), hint, mistakes: Vec::new() }
    }

    /// A fault of our own, or of what we stand on.
    pub(crate) fn fault(message: impl Into<String>) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, message, "look into the log of `partywall serve`")
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let error = Problem { message: self.message, hint: self.hint.to_owned() };
        let mut response = (self.status, Json(wire::Refused { error, mistakes: self.mistakes })).into_response();
        if self.status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(WWW_AUTHENTICATE, axum::http::HeaderValue::from_static("Bearer"));
        }
        response
    }
}

impl From<NotApplied> for Refused {
    fn from(why: NotApplied) -> Self {
        let message = why.to_string();
        match why {
            NotApplied::Mistakes(mistakes) => {
                let refused =
                    Self::new(StatusCode::UNPROCESSABLE_ENTITY, message, "mend what `mistakes` names and apply again");
                Self { mistakes, ..refused }
            }
            NotApplied::Reason => {
                Self::new(StatusCode::BAD_REQUEST, message, "the long story belongs beside the files")
            }
            NotApplied::Nothing => Self::new(StatusCode::BAD_REQUEST, message, "revisions begin with 1"),
            NotApplied::Moving => Self::new(StatusCode::CONFLICT, message, "apply again when the others are done"),
            NotApplied::Secret(why) => why.into(),
            NotApplied::Store(error) => error.into(),
            NotApplied::CutOff => Self::fault(message),
        }
    }
}

impl From<NotDone> for Refused {
    fn from(why: NotDone) -> Self {
        let message = why.to_string();
        let (status, hint) = match why {
            NotDone::Store(error) => return error.into(),
            NotDone::NotSealed(NotSealed::Failed) => return Self::fault(message),
            NotDone::NotSealed(_) => {
                (StatusCode::BAD_REQUEST, "`partywall secret set` leaves out a line break at the end, and nothing else")
            }
            NotDone::Absent(..) => (StatusCode::NOT_FOUND, "`partywall secret list TENANT` shows those there are"),
            NotDone::TooMany(_) => {
                (StatusCode::CONFLICT, "`partywall secret list TENANT` shows which servers ask for which")
            }
            NotDone::NotOpened(..) => (StatusCode::CONFLICT, "docs/secrets.md says what opens a secret"),
        };
        Self::new(status, message, hint)
    }
}

impl From<StoreError> for Refused {
    fn from(why: StoreError) -> Self {
        let message = why.to_string();
        match why {
            StoreError::NoRevision { .. } => {
                Self::new(StatusCode::NOT_FOUND, message, "`partywall config history` shows those there are")
            }
            StoreError::Absent(..) => {
                Self::new(StatusCode::NOT_FOUND, message, "`partywall tenant list` shows the tenants there are")
            }
            StoreError::TooMany(_) | StoreError::TenantId(_) => {
                Self::new(StatusCode::CONFLICT, message, "`partywall config diff` shows what differs")
            }
            _ => Self::fault(message),
        }
    }
}

impl From<Unreadable> for Refused {
    fn from(why: Unreadable) -> Self {
        Self::fault(why.to_string())
    }
}
