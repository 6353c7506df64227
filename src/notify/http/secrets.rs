//! What an answer must not bring into a log.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Uri};

use crate::redact::{REDACTED, Secret};

/// The pieces of a request that an answer may repeat, as error pages do, but that nobody may read in a log.
pub(super) struct Secrets(Vec<String>);

impl Secrets {
    /// `login` is the one at the proxy.
    pub(super) fn of(
        url: &Uri,
        headers: &HeaderMap,
        others: &[Secret],
        login: Option<&HeaderValue>,
    ) -> Self {
        let query = url.query().unwrap_or_default();
        let whole = url.path_and_query().map_or("", |whole| whole.as_str());
        let values = headers
            .values()
            .filter(|value| value.is_sensitive())
            .chain(login)
            .filter_map(|value| value.to_str().ok());
        let mut pieces: Vec<String> = [whole, url.path(), query]
            .into_iter()
            .chain(url.path().split('/'))
            .chain(query.split(['&', '=']))
            .chain(others.iter().map(Secret::expose))
            .chain(values.flat_map(|value| std::iter::once(value).chain(value.split(' '))))
            .filter(|piece| piece.len() >= MIN_SECRET)
            .map(ToOwned::to_owned)
            .collect();
        pieces.sort_by_key(|piece| std::cmp::Reverse(piece.len()));
        pieces.dedup();
        Self(pieces)
    }

    pub(super) fn struck_from_text(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, piece| {
            if text.contains(piece.as_str()) {
                text.replace(piece.as_str(), REDACTED)
            } else {
                text
            }
        })
    }

    pub(super) fn struck_from(&self, body: Bytes) -> Bytes {
        match String::from_utf8_lossy(&body) {
            text if self.0.iter().any(|piece| text.contains(piece.as_str())) => {
                self.struck_from_text(&text).into()
            }
            _ => body,
        }
    }
}

/// Shorter pieces are words such as `hooks`: striking them out would hide nothing and garble the answer.
const MIN_SECRET: usize = 6;
