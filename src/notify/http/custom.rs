//! Headers that the user of a notifier adds.

use http::header::{
    CONNECTION, CONTENT_LENGTH, EXPECT, HOST, PROXY_AUTHORIZATION, TE, TRAILER, TRANSFER_ENCODING,
    UPGRADE,
};
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::redact::Secret;

/// `own` with `added`, whose values are secrets. `what` is the notifier in errors.
///
/// # Errors
///
/// When one cannot be a header, is among `own` or `later`, or frames the request. A name that is none is not in it: it may be a value
/// in the wrong place.
pub(crate) fn with_custom(
    what: &str,
    own: HeaderMap,
    added: &[(String, Secret)],
    later: &[HeaderName],
) -> Result<HeaderMap, String> {
    let mut headers = own.clone();
    for ((name, value), number) in added.iter().zip(1..) {
        let name = HeaderName::try_from(name).map_err(|_| {
            format!(
                "the name of header {number} for {what} has characters that no name has; a right one looks like `X-Api-Key`"
            )
        })?;
        if own.contains_key(&name) || later.contains(&name) || FRAMING.contains(&name) {
            return Err(format!(
                "{what} sets the header `{name}` itself; leave it out, or choose another such as `X-Api-Key`"
            ));
        }
        let mut value = HeaderValue::try_from(value.expose()).map_err(|_| {
            format!(
                "the value of header {number} for {what} has characters that no header can hold; a right one is one \
                 line of visible ASCII"
            )
        })?;
        value.set_sensitive(true);
        headers.append(name, value);
    }
    Ok(headers)
}

/// Those that belong to the connection, and would let one request pass for two.
const FRAMING: [HeaderName; 9] = [
    CONNECTION,
    CONTENT_LENGTH,
    EXPECT,
    HOST,
    PROXY_AUTHORIZATION,
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
];
