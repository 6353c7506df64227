//! Who made a request, and what else the app says about it.

use std::collections::BTreeMap;
use std::sync::{MutexGuard, TryLockError};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{RequestContext, Route, State};
use crate::redact::Redactor;
use crate::text::shortened;
use crate::time::Timestamp;

/// The user of a request, as the app knows them.
///
/// ```
/// # use tower_monitor::User;
/// let user = User::new("42").name("Uma").email("uma@example.org");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[must_use]
pub struct User {
    id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<String>,
}

impl User {
    /// A user by the id that the app knows them by. At most 128 bytes are kept.
    pub fn new(id: impl AsRef<str>) -> Self {
        Self {
            id: shortened(id.as_ref(), 128),
            name: None,
            email: None,
        }
    }

    /// What to call them. At most 255 bytes are kept.
    pub fn name(mut self, name: impl AsRef<str>) -> Self {
        self.name = Some(shortened(name.as_ref(), 255));
        self
    }

    /// Where to write to them. At most 255 bytes are kept.
    pub fn email(mut self, email: impl AsRef<str>) -> Self {
        self.email = Some(shortened(email.as_ref(), 255));
        self
    }

    /// As much of the user as the privacy mode allows, without what looks like a secret in name and address, which people choose
    /// themselves. The id is the app's.
    pub(crate) fn redacted(self, redactor: &Redactor, when: Timestamp) -> Option<Self> {
        if redactor.keeps_people() {
            let clean = |text: String| redactor.text(&text).into_owned();
            return Some(Self {
                id: self.id,
                name: self.name.map(clean),
                email: self.email.map(clean),
            });
        }
        let day = u64::try_from(when.day()).unwrap_or_default();
        redactor.user_id(&self.id, day).map(Self::new)
    }

    /// The id given to [`new`](Self::new).
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The name, when there is one.
    #[must_use]
    pub fn display_name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// The address, when there is one.
    #[must_use]
    pub fn email_address(&self) -> Option<&str> {
        self.email.as_deref()
    }
}

impl RequestContext {
    /// What `read` makes of the user. `None` when there is none; also on a thread that panics when the request's state is in use,
    /// maybe by that very thread.
    pub(crate) fn with_user<T>(&self, read: impl FnOnce(&User) -> T) -> Option<T> {
        self.state_unless_panicking()?.user.as_ref().map(read)
    }

    /// What `read` makes of the route or, where no router named one, of the path. With the same exception.
    pub(crate) fn with_route<T>(&self, read: impl FnOnce(&str) -> T) -> Option<T> {
        let state = self.state_unless_panicking()?;
        let route = state.route.as_ref().map(Route::as_str);
        Some(read(route.unwrap_or(self.path())))
    }

    fn state_unless_panicking(&self) -> Option<MutexGuard<'_, State>> {
        if !std::thread::panicking() {
            return Some(self.state());
        }
        match self.0.state.try_lock() {
            Ok(state) => Some(state),
            Err(TryLockError::Poisoned(state)) => Some(state.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }
}

/// Tags and extra values, bounded in count and size.
#[derive(Clone, Debug, Default)]
pub(crate) struct Values {
    tags: BTreeMap<String, String>,
    extra: BTreeMap<String, Value>,
    refused: u32,
}

impl Values {
    pub(crate) fn set_tag(&mut self, name: &str, value: &str) {
        let room = self.tags.len() < MAX_TAGS || self.tags.contains_key(name);
        if room && name.len() <= MAX_NAME {
            self.tags
                .insert(name.to_owned(), shortened(value, MAX_TAG_VALUE));
        } else {
            self.refused = self.refused.saturating_add(1);
        }
    }

    pub(crate) fn set_extra(&mut self, name: &str, value: Value) {
        let room = self.extra.len() < MAX_EXTRA || self.extra.contains_key(name);
        let fits = room && name.len() <= MAX_NAME;
        if fits && weight(&value, MAX_EXTRA_DEPTH).is_some_and(|bytes| bytes <= MAX_EXTRA_BYTES) {
            self.extra.insert(name.to_owned(), value);
        } else {
            self.refused = self.refused.saturating_add(1);
            take_apart(value);
        }
    }

    pub(crate) fn tags(&self) -> &BTreeMap<String, String> {
        &self.tags
    }

    pub(crate) fn extra(&self) -> &BTreeMap<String, Value> {
        &self.extra
    }

    pub(crate) fn refused(&self) -> u32 {
        self.refused
    }
}

/// About as many bytes as the value takes in JSON; counted without writing it. `None` when it goes deeper than this.
fn weight(value: &Value, depth: usize) -> Option<usize> {
    Some(match value {
        Value::Null | Value::Bool(_) => 5,
        Value::Number(_) => 8,
        Value::String(text) => text.len() + 2,
        Value::Array(items) => {
            let depth = depth.checked_sub(1)?;
            let item = |item| Some(weight(item, depth)? + 1);
            items.iter().map(item).sum::<Option<usize>>()? + 2
        }
        Value::Object(fields) => {
            let depth = depth.checked_sub(1)?;
            let field = |(name, value): (&String, _)| Some(name.len() + 4 + weight(value, depth)?);
            fields.iter().map(field).sum::<Option<usize>>()? + 2
        }
    })
}

/// Drops it level by level: its own destructor descends, and a value that is deep enough would end the process.
fn take_apart(value: Value) {
    let mut rest = vec![value];
    while let Some(value) = rest.pop() {
        match value {
            Value::Array(items) => rest.extend(items),
            Value::Object(fields) => rest.extend(fields.into_iter().map(|(_, value)| value)),
            _ => {}
        }
    }
}

/// The tags kept per request.
pub(crate) const MAX_TAGS: usize = 32;
/// The bytes of a tag's value; a longer one is cut.
pub(crate) const MAX_TAG_VALUE: usize = 256;
/// The extra values kept per request.
pub(crate) const MAX_EXTRA: usize = 16;
/// The bytes of one extra value in JSON; a larger one is refused, for half of it would be misleading.
pub(crate) const MAX_EXTRA_BYTES: usize = 4 * 1024;
/// The levels of one extra value; serde_json reads 128.
pub(crate) const MAX_EXTRA_DEPTH: usize = 64;
/// The bytes of the name of a tag or extra value.
pub(crate) const MAX_NAME: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::RequestSettings;
    use std::sync::Mutex;

    #[test]
    fn a_user_is_cut_to_its_bounds() {
        let user = User::new("ü".repeat(200))
            .name("n".repeat(300))
            .email("e".repeat(300));
        assert!(user.id().len() <= 128 && user.id().ends_with('…'));
        assert!(user.display_name().unwrap().len() <= 255);
        assert!(user.email_address().unwrap().len() <= 255);
    }

    #[test]
    fn a_thread_that_panics_does_not_wait_for_the_user() {
        struct Looks<'c>(&'c RequestContext, &'c Mutex<Vec<Option<String>>>);
        impl Drop for Looks<'_> {
            fn drop(&mut self) {
                let seen = self.0.with_user(|user| user.id().to_owned());
                self.1.lock().unwrap().push(seen);
            }
        }
        let request = http::Request::new(());
        let context = RequestContext::begin(&request, &RequestSettings::default()).0;
        assert_eq!(context.with_user(|_| ()), None);
        context.set_user(User::new("42"));
        let seen = Mutex::new(Vec::new());
        let panicked = crate::guard::contained(|| {
            let _free = Looks(&context, &seen);
            let _state = context.state();
            let _in_use = Looks(&context, &seen);
            panic!("while this thread has the state");
        });
        assert_eq!(panicked, None::<()>);
        assert_eq!(seen.into_inner().unwrap(), [None, Some("42".to_owned())]);
        assert_eq!(context.with_user(|user| user.id().len()), Some(2));
    }

    #[test]
    fn values_are_bounded_and_what_is_refused_is_counted() {
        let mut values = Values::default();
        for n in 0..100 {
            values.set_tag(&format!("tag{n}"), &"x".repeat(1_000));
            values.set_extra(&format!("extra{n}"), Value::from(n));
        }
        assert_eq!(
            (values.tags().len(), values.extra().len()),
            (MAX_TAGS, MAX_EXTRA)
        );
        assert_eq!(values.refused() as usize, 200 - MAX_TAGS - MAX_EXTRA);
        assert!(
            values
                .tags()
                .values()
                .all(|value| value.len() <= MAX_TAG_VALUE)
        );

        values.set_tag("tag0", "new");
        assert_eq!(
            values.tags()["tag0"],
            "new",
            "a tag that is there can be changed"
        );
        values.set_extra("extra0", Value::from("x".repeat(MAX_EXTRA_BYTES)));
        assert_eq!(
            values.extra()["extra0"],
            Value::from(0),
            "too large a value is refused whole"
        );
    }
}
