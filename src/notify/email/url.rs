//! The server as one URL, as `SMTP_URL` has it.

use super::settings::{Security, Settings};
use crate::redact::{Secret, percent_decoded};

/// The settings in the URL. What is wrong with it is kept for the check, with nothing of the URL in it.
pub(super) fn read(text: &str) -> Settings {
    parse(text).unwrap_or_else(|problem| Settings {
        url_problem: Some(problem),
        ..Settings::new(String::new(), Security::Tls)
    })
}

fn parse(text: &str) -> Result<Settings, String> {
    let (scheme, rest) = text.split_once("://").unwrap_or_default();
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    let security = match (scheme.to_ascii_lowercase().as_str(), query) {
        ("smtps", "") => Security::Tls,
        ("smtp", "" | "tls=required") => Security::StartTls,
        ("smtp", "tls=none") => Security::None,
        ("smtp", "tls=opportunistic") => {
            return Err(
                "asks for `tls=opportunistic`, which anybody in between can turn off: leave it out, or write `tls=none`"
                    .to_owned(),
            );
        }
        ("smtp" | "smtps", _) => {
            return Err(
                "has something behind `?` that is not `tls=required` or `tls=none` of an `smtp://` URL"
                    .to_owned(),
            );
        }
        _ => return Err("does not begin with `smtps://` or `smtp://`".to_owned()),
    };
    let (login, place) = match rest.rsplit_once('@') {
        Some((login, place)) => (Some(login), place),
        None => (None, rest),
    };
    let place = place.strip_suffix('/').unwrap_or(place);
    if rest.contains('#') || place.contains('/') {
        return Err(
            "has a path or a fragment: in user and password, `/` is written as `%2F` and `#` as `%23`"
                .to_owned(),
        );
    }
    let (host, port) = match place.rsplit_once(':') {
        // The colons of an IPv6 address are in brackets.
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (place, None),
    };
    let host = match host.strip_prefix('[') {
        Some(address) => address.strip_suffix(']').unwrap_or_default(),
        None => host,
    };
    let mut settings = Settings::new(host.to_owned(), security);
    if let Some(port) = port {
        settings.port = port
            .parse()
            .map_err(|_| "has a port that is no number from 1 to 65535".to_owned())?;
    }
    settings.credentials = login.map(credentials).transpose()?;
    Ok(settings)
}

fn credentials(login: &str) -> Result<(Secret, Secret), String> {
    let Some((user, password)) = login.split_once(':') else {
        return Err("has a user without a password".to_owned());
    };
    // A plus sign means a blank in forms, not in a URL's login.
    let decoded = |text: &str| Secret::new(percent_decoded(&text.replace('+', "%2B")));
    Ok((decoded(user), decoded(password)))
}
