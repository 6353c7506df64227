//! The address of a project, and the key to it, in one text.

use crate::redact::Secret;

/// What a DSN holds.
pub(super) struct Dsn {
    /// Where envelopes go.
    pub(super) url: String,
    pub(super) public_key: Secret,
    /// Servers from before 2018 want it; newer ones ignore it.
    pub(super) secret_key: Option<Secret>,
}

/// Reads `{scheme}://{public_key}[:{secret_key}]@{host}[:port]{/prefix}/{project}`.
///
/// Scheme, host and port are left to whoever reads [`url`](Dsn::url).
///
/// # Errors
///
/// What is wrong with it. Nothing of the DSN itself is in it.
pub(super) fn parse(text: &str) -> Result<Dsn, String> {
    let wrong = |problem: &str| format!("{WHAT} {problem}; a right one looks like `{RIGHT}`");
    let (scheme, rest) = text
        .split_once("://")
        .ok_or_else(|| wrong("does not begin with `https://` or `http://`"))?;
    let (keys, rest) = rest
        .split_once('@')
        .ok_or_else(|| wrong("has no key with an `@` behind it"))?;
    let (public, secret) = match keys.split_once(':') {
        Some((public, secret)) => (public, Some(secret)),
        None => (keys, None),
    };
    if !is_plain(public) || !secret.is_none_or(is_plain) {
        return Err(wrong(
            "has a key that is empty or not made of letters, digits, `-`, `_` and `.`",
        ));
    }
    let (host, path) = rest
        .split_once('/')
        .ok_or_else(|| wrong("has no project behind the host"))?;
    let path = path.trim_end_matches('/');
    let (prefix, project) = match path.rsplit_once('/') {
        Some((prefix, project)) => (format!("/{prefix}"), project),
        None => (String::new(), path),
    };
    let folders = || prefix.split('/').skip(1);
    if !is_plain(project) || !folders().all(is_plain) {
        return Err(wrong(
            "has a path that is not a project's number with nothing but folders before it",
        ));
    }
    Ok(Dsn {
        url: format!("{scheme}://{host}{prefix}/api/{project}/envelope/"),
        public_key: Secret::new(public),
        secret_key: secret.map(Secret::new),
    })
}

/// What means the same in a URL, in a header and in text, and is no `.` or `..`.
fn is_plain(piece: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    piece.chars().all(allowed) && piece.contains(|c: char| c != '.')
}

pub(super) const WHAT: &str = "Sentry's DSN";
pub(super) const RIGHT: &str = "https://2f9c0d5e7a1b4c83b6d4e5f60718293a@sentry.example.com/42";

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use sentry_types::Dsn as Theirs;

    /// Theirs leaves a port out that goes without saying, and writes hosts in lower case.
    fn same_url(ours: &str, theirs: &Theirs) -> bool {
        let url = theirs.envelope_api_url();
        let default = if url.scheme() == "https" {
            ":443/"
        } else {
            ":80/"
        };
        ours.to_ascii_lowercase().replacen(default, "/", 1) == url.as_str().to_ascii_lowercase()
    }

    proptest! {
        #[test]
        fn a_dsn_is_read_as_sentrys_own_types_read_it(
            scheme in "https?",
            public in "[a-f0-9]{32}|[A-Za-z0-9]{1,12}",
            secret in proptest::option::of("[a-f0-9]{8,32}"),
            host in "[a-z][a-z0-9]{0,9}(\\.[a-z][a-z0-9-]{0,6}[a-z]){0,3}|127\\.0\\.0\\.1|\\[::1\\]",
            port in proptest::option::of(1u16..),
            folders in proptest::collection::vec("[a-z0-9_-]{1,8}", 0..3),
            project in "[1-9][0-9]{0,9}",
        ) {
            let secret_part = secret.as_ref().map(|secret| format!(":{secret}")).unwrap_or_default();
            let port = port.map(|port| format!(":{port}")).unwrap_or_default();
            let path = folders.iter().map(|folder| format!("/{folder}")).collect::<String>();
            let text = format!("{scheme}://{public}{secret_part}@{host}{port}{path}/{project}");
            let theirs: Theirs = text.parse().unwrap();
            let ours = parse(&text).unwrap();
            prop_assert!(same_url(&ours.url, &theirs), "{} {}", ours.url, theirs.envelope_api_url());
            prop_assert_eq!(ours.public_key.expose(), theirs.public_key());
            prop_assert_eq!(ours.secret_key.as_ref().map(Secret::expose), theirs.secret_key());
        }

        #[test]
        fn what_is_taken_of_anything_else_is_what_sentrys_own_types_take(
            text in "(https?|ftp)://[a-z0-9:%]{1,6}@[a-z0-9.:]{1,8}/[a-z0-9./?#%~@-]{1,8}"
        ) {
            if let Ok(ours) = parse(&text)
                && super::super::super::http::url::parse(&ours.url).is_ok()
                && let Ok(theirs) = text.parse::<Theirs>()
            {
                prop_assert_eq!(ours.public_key.expose(), theirs.public_key());
                prop_assert_eq!(ours.url.rsplit('/').nth(2), Some(theirs.project_id().value()));
            }
        }
    }

    #[test]
    fn a_wrong_dsn_is_told_by_what_is_wrong_and_what_is_right() {
        for (wrong, told) in [
            ("", "does not begin with"),
            ("sentry.example.com/42", "does not begin with"),
            ("https://sentry.example.com/42", "no key"),
            ("https://@sentry.example.com/42", "a key that is empty"),
            (
                "https://topsecretkey:@sentry.example.com/42",
                "a key that is empty",
            ),
            (
                "https://top secret@sentry.example.com/42",
                "a key that is empty",
            ),
            ("https://topsecretkey@sentry.example.com", "no project"),
            (
                "https://topsecretkey@sentry.example.com/",
                "a project's number",
            ),
            (
                "https://topsecretkey@sentry.example.com/../42",
                "a project's number",
            ),
            (
                "https://topsecretkey@sentry.example.com/42?x=1",
                "a project's number",
            ),
            (
                "https://topsecretkey@a@sentry.example.com/4@2",
                "a project's number",
            ),
        ] {
            let error = parse(wrong).err().unwrap();
            assert!(
                error.starts_with("Sentry's DSN ") && error.contains(told),
                "{wrong}: {error}"
            );
            assert!(error.contains(RIGHT) && !error.contains("top"), "{error}");
        }
        assert!(parse(RIGHT).is_ok());
    }
}
