//! A deploy, as "Report a deploy" of Rollbar's API wants it.

use bytes::Bytes;
use serde::Serialize;
use serde_json::Value;

use super::check_line;
use crate::notify::NotifyError;
use crate::notify::http::HttpAnswer;

/// That a revision has been deployed: for [`Rollbar::report_deploy`](super::Rollbar::report_deploy).
///
/// ```
/// use tower_monitor::notify::rollbar::{Deploy, DeployStatus};
///
/// let deploy = Deploy::of("4b825dc642cb6eb9a060e54bf8d69288fbee4904")
///     .environment("production")
///     .local_username("uma")
///     .comment("gift cards")
///     .status(DeployStatus::Succeeded);
/// ```
///
/// What is too long is an error of `report_deploy`, not cut.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[must_use]
pub struct Deploy {
    revision: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    environment: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    local_username: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rollbar_username: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    comment: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<DeployStatus>,
}

/// How a deploy went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum DeployStatus {
    /// It has begun.
    Started,
    /// It is done.
    Succeeded,
    /// It did not work.
    Failed,
    /// It took too long.
    TimedOut,
}

impl Deploy {
    /// The revision that was deployed: 1 to 40 characters on one line, best the Git revision that
    /// [the monitor knows too](crate::Builder::git_revision).
    pub fn of(revision: impl Into<String>) -> Self {
        Self {
            revision: revision.into(),
            environment: None,
            local_username: None,
            rollbar_username: None,
            comment: None,
            status: None,
        }
    }

    /// Where to: 1 to 255 characters on one line. Default: the [notifier's](super::Rollbar::environment).
    pub fn environment(mut self, environment: impl Into<String>) -> Self {
        self.environment = Some(environment.into());
        self
    }

    /// Who did it, as their machine knows them. At most 255 characters on one line. Default: nobody is named.
    pub fn local_username(mut self, name: impl Into<String>) -> Self {
        self.local_username = Some(name.into());
        self
    }

    /// Who did it, as Rollbar knows them. At most 255 characters on one line. Default: nobody is named.
    pub fn rollbar_username(mut self, name: impl Into<String>) -> Self {
        self.rollbar_username = Some(name.into());
        self
    }

    /// What there is to say of it: at most 64,000 characters. Default: nothing.
    pub fn comment(mut self, comment: impl Into<String>) -> Self {
        self.comment = Some(comment.into());
        self
    }

    /// How it went. Default: Rollbar takes it for [done](DeployStatus::Succeeded).
    pub fn status(mut self, status: DeployStatus) -> Self {
        self.status = Some(status);
        self
    }

    /// The request's body; `environment` is for a deploy that names none.
    pub(super) fn payload(&self, environment: &str) -> Result<Bytes, NotifyError> {
        let mut whole = self.clone();
        let environment = whole.environment.get_or_insert(environment.to_owned());
        let names = [
            ("rollbar_username", &self.rollbar_username),
            ("local_username", &self.local_username),
        ];
        check_line("revision of a deploy", &self.revision, 40, "4b825dc642cb")
            .and_then(|()| check_line("environment of a deploy", environment, 255, "production"))
            .and_then(|()| {
                let mut named = names
                    .iter()
                    .filter_map(|(what, name)| Some((what, name.as_ref()?)));
                named.try_for_each(|(what, name)| check_line(what, name, 255, "uma"))
            })
            .map_err(NotifyError::refused)?;
        let comment = whole.comment.as_deref().unwrap_or_default();
        if comment.chars().count() > MAX_COMMENT {
            return Err(NotifyError::refused(format!(
                "the comment of a deploy is longer than {MAX_COMMENT} characters; a right one is a few lines"
            )));
        }
        let bytes = serde_json::to_vec(&whole);
        let bytes = bytes.map_err(|error| NotifyError::refused(error.to_string()))?;
        Ok(bytes.into())
    }
}

/// The deploy's number in `{"data": {"deploy_id": 7}}`.
pub(super) fn id(answer: &HttpAnswer) -> Result<u64, NotifyError> {
    let body: Option<Value> = serde_json::from_slice(&answer.body).ok();
    let data = body.as_ref().and_then(|body| body.get("data")?.as_object());
    // The client strikes the words of the path out of answers, and `deploy` is one of them.
    let id = data.and_then(|data| data.iter().find(|(name, _)| name.ends_with("_id")));
    id.and_then(|(_, id)| id.as_u64()).ok_or_else(|| {
        NotifyError::refused(format!("no number of the deploy in {}", answer.summary()))
    })
}

const MAX_COMMENT: usize = 64_000;
