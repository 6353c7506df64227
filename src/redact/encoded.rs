//! Queries, forms and URLs: text whose names and values may hide behind percent-encoding, also twice.

use std::borrow::Cow;

use super::{REDACTED, Redactor};

impl Redactor {
    /// A query string or a form, `a=b&c=d`, without the `?`.
    pub(crate) fn query<'q>(&self, query: &'q str) -> Cow<'q, str> {
        let mut out = String::new();
        let mut copied = 0;
        let mut from = 0;
        for pair in query.split('&') {
            let to = from + pair.len();
            if let Cow::Owned(clean) = self.pair(pair) {
                out.push_str(&query[copied..from]);
                out.push_str(&clean);
                copied = to;
            }
            from = to + 1;
        }
        if copied == 0 {
            return Cow::Borrowed(query);
        }
        out.push_str(&query[copied..]);
        Cow::Owned(out)
    }

    /// A URL as a client sent it, with its query and its fragment.
    pub(crate) fn url<'u>(&self, url: &'u str) -> Cow<'u, str> {
        stable(url, |url| self.url_once(url))
    }

    fn url_once<'u>(&self, url: &'u str) -> Cow<'u, str> {
        // A password before the host may hold a `?`.
        if url.contains("://")
            && let Cow::Owned(clean) = self.text(url)
        {
            return Cow::Owned(self.parts(&clean).into_owned());
        }
        self.parts(url)
    }

    fn parts<'u>(&self, url: &'u str) -> Cow<'u, str> {
        let (rest, fragment) = split(url, '#');
        let (path, query) = split(rest, '?');
        let parts = [
            self.encoded(path),
            query.map_or(Cow::Borrowed(""), |query| self.query(query)),
            fragment.map_or(Cow::Borrowed(""), |fragment| self.query(fragment)),
        ];
        if parts.iter().all(|part| matches!(part, Cow::Borrowed(_))) {
            return Cow::Borrowed(url);
        }
        let [path, clean_query, clean_fragment] = parts;
        let mut out = path.into_owned();
        for (mark, part) in [
            ("?", query.map(|_| clean_query)),
            ("#", fragment.map(|_| clean_fragment)),
        ] {
            if let Some(part) = part {
                out.push_str(mark);
                out.push_str(&part);
            }
        }
        Cow::Owned(out)
    }

    fn pair<'p>(&self, pair: &'p str) -> Cow<'p, str> {
        stable(pair, |pair| self.pair_once(pair))
    }

    fn pair_once<'p>(&self, pair: &'p str) -> Cow<'p, str> {
        if let Some(clean) = self.sensitive_pair(pair) {
            return clean;
        }
        match self.encoded(pair) {
            Cow::Borrowed(pair) => Cow::Borrowed(pair),
            Cow::Owned(clean) if clean == REDACTED => match pair.split_once('=') {
                Some((name, _)) => Cow::Owned(format!("{}={REDACTED}", self.encoded(name))),
                None => Cow::Owned(clean),
            },
            // Decoded, it may have a name that it had not.
            Cow::Owned(clean) => {
                let named = self.sensitive_pair(&clean).map(Cow::into_owned);
                Cow::Owned(named.unwrap_or(clean))
            }
        }
    }

    /// The pair without its value, when its name is sensitive.
    fn sensitive_pair<'p>(&self, pair: &'p str) -> Option<Cow<'p, str>> {
        let (name, value) = pair.split_once('=')?;
        let once = percent_decoded(name);
        if !self.is_sensitive(&once) && !self.is_sensitive(&percent_decoded(&once)) {
            return None;
        }
        Some(match self.encoded(name) {
            Cow::Borrowed(_) if value.is_empty() || value == REDACTED => Cow::Borrowed(pair),
            Cow::Borrowed(name) => Cow::Owned(format!("{name}={REDACTED}")),
            // A name that hides a pair itself: nothing behind its own mark stays.
            Cow::Owned(name) => {
                let name = name.split('=').next().unwrap_or_default();
                Cow::Owned(format!("{name}={REDACTED}"))
            }
        })
    }

    /// Text that may hide a secret behind percent-encoding: what comes out is clean, and so are its decoded forms.
    fn encoded<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let clean = self.text(text);
        let Some(decoded) = self.hidden(&clean) else {
            return clean;
        };
        // In its decoded form it can be read, and what would be decoded once more is encoded again.
        let readable = decoded
            .replace('%', "%25")
            .replace('&', "%26")
            .replace('+', "%2B")
            .replace('#', "%23")
            .replace('?', "%3F");
        let stable = matches!(self.text(&readable), Cow::Borrowed(_));
        if stable && self.hidden(&readable).is_none() {
            Cow::Owned(readable)
        } else {
            Cow::Owned(REDACTED.to_owned())
        }
    }

    /// The decoded form without its secret, when there is one in it or in the form that is decoded twice.
    fn hidden(&self, text: &str) -> Option<String> {
        let Cow::Owned(once) = percent_decoded(text) else {
            return None;
        };
        let clean = self.text(&once);
        if let Cow::Owned(twice) = percent_decoded(&once)
            && let Cow::Owned(clean) = self.text(&twice)
        {
            return Some(clean);
        }
        match clean {
            Cow::Borrowed(_) => None,
            Cow::Owned(clean) => Some(clean),
        }
    }
}

/// Cleans until nothing changes any more: what was hidden can make more of what is left look like a secret, but not often in
/// turn.
fn stable<'t>(text: &'t str, clean: impl for<'c> Fn(&'c str) -> Cow<'c, str>) -> Cow<'t, str> {
    let Cow::Owned(mut cleaned) = clean(text) else {
        return Cow::Borrowed(text);
    };
    for _ in 0..MAX_ROUNDS {
        let again = clean(&cleaned).into_owned();
        if again == cleaned {
            return Cow::Owned(cleaned);
        }
        cleaned = again;
    }
    Cow::Owned(REDACTED.to_owned())
}

fn split(text: &str, mark: char) -> (&str, Option<&str>) {
    text.split_once(mark)
        .map_or((text, None), |(before, after)| (before, Some(after)))
}

/// Undoes `%41` and `+`; what is not valid stays as it is.
pub(crate) fn percent_decoded(text: &str) -> Cow<'_, str> {
    if memchr::memchr2(b'%', b'+', text.as_bytes()).is_none() {
        return Cow::Borrowed(text);
    }
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let hex = |offset: usize| {
            bytes
                .get(at + offset)
                .and_then(|byte| char::from(*byte).to_digit(16))
        };
        match (bytes[at], hex(1), hex(2)) {
            (b'%', Some(high), Some(low)) => {
                out.push(u8::try_from(high * 16 + low).unwrap_or(b'?'));
                at += 3;
            }
            (b'+', ..) => {
                out.push(b' ');
                at += 1;
            }
            (byte, ..) => {
                out.push(byte);
                at += 1;
            }
        }
    }
    Cow::Owned(String::from_utf8_lossy(&out).into_owned())
}

const MAX_ROUNDS: usize = 4;
