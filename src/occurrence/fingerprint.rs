//! Which occurrences are the same problem.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use tower_http::classify::GrpcCode;

use super::fnv::Fnv;
use super::normal::normal_form;
use super::{Evidence, Kind};
use crate::request::{CodeLocation, OTHER_METHOD, RequestContext, known_method};
use crate::stack::{Frame, RawStack, Stack, is_app_file, same_file};

/// What all occurrences of one problem have in common: 64 bits, shown as 16 hexadecimal digits.
///
/// - A **panic** is known by its payload's type, its place and its message.
/// - An **error** by the types of its chain, its place and the messages of the chain.
/// - A **failed answer** that says nothing of an error by method, route, status and the beginning of its body; without a
///   [route](crate::RequestContext::set_route), by method and status alone.
///
/// Messages and bodies count in their normal form: without the numbers, ids, addresses, paths and quoted values in them. The place
/// is a file, a function and a column: lines move with every change elsewhere in the file. Where the program has no
/// [debug information](crate::occurrence#stacks), and for logged errors, it is file, line and column. Beyond 16 messages of one place, further ones are one problem: a client may be able to choose them.
///
/// The value is the same in every process, and in every release as long as the function keeps its name.
/// [`Builder::group_by`](crate::Builder::group_by) has the last word.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint(u64);

impl Fingerprint {
    /// The fingerprint, with the resolved stack of `evidence`; `with_words` says whether the messages count.
    pub(crate) fn of(evidence: &Evidence, stack: Option<&Stack>, with_words: bool) -> Self {
        let place = |hash: Fnv, location: Option<&CodeLocation>, _: Option<&RawStack>| {
            stable_place(hash, location, stack)
        };
        let (without, with) = hashed(evidence, place, with_words);
        Self(if with_words { with } else { without })
    }

    /// The fingerprint that [`as_u64`](Self::as_u64) gave the number of.
    pub(crate) const fn from_u64(number: u64) -> Self {
        Self(number)
    }

    /// The fingerprint as a number, for tables.
    #[must_use]
    pub const fn as_u64(self) -> u64 {
        self.0
    }
}

/// The same question while the request fails, when no symbols are at hand: never coarser than the fingerprint, and only of use
/// within this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Site {
    /// With the words.
    pub(crate) exact: u64,
    /// Without them.
    pub(crate) place: u64,
}

impl Site {
    /// Told by the place alone, for a panic hook: there a mistake in reading the words would end the process.
    pub(crate) fn of_place(evidence: &Evidence) -> Self {
        let (place, _) = hashed(evidence, raw_place, false);
        Self {
            exact: place,
            place,
        }
    }

    pub(crate) fn of(evidence: &Evidence) -> Self {
        let (place, exact) = hashed(evidence, raw_place, true);
        Self { exact, place }
    }
}

/// One order for both questions: `place` alone differs. The hash without the words, and with them.
fn hashed(
    evidence: &Evidence,
    place: impl Fn(Fnv, Option<&CodeLocation>, Option<&RawStack>) -> Fnv,
    with_words: bool,
) -> (u64, u64) {
    let mut hash = Fnv::new().part(evidence.kind.as_str());
    if let Some(group) = &evidence.group {
        let hash = hash.part("own").part(group).finish();
        return (hash, hash);
    }
    let panic = evidence.panic.as_deref();
    let error = evidence.error.as_deref();
    if let Some(panic) = panic {
        hash = hash.part(panic.payload_type);
        hash = place(hash, panic.location.as_ref(), panic.stack.as_ref());
    }
    let has_place = panic.is_some_and(|panic| panic.location.is_some());
    if let Some(error) = error.filter(|_| !has_place) {
        hash = place(hash, error.location.as_ref(), error.stack.as_ref());
        for link in &error.chain {
            hash = hash.part(link.type_name.as_deref().unwrap_or_default());
        }
    }
    let has_place = has_place || error.is_some_and(|error| error.location.is_some());
    let response = evidence.response.as_ref().filter(|_| !has_place);
    if let Some(response) = response {
        hash = hash.number(u64::from(response.status.as_u16()));
    }
    let grpc_status = response.and_then(|response| response.grpc_status);
    if let Some(code) = grpc_status {
        hash = hash.part(&format!("{code:?}"));
    }
    if let Some(request) = evidence.request.as_ref().filter(|_| !has_place)
        && evidence.kind != Kind::Test
    {
        hash = request_group(hash, request, grpc_status);
    }
    let without = hash;
    if with_words {
        hash = all_words(hash, evidence);
    }
    (without.finish(), hash.finish())
}

fn all_words(mut hash: Fnv, evidence: &Evidence) -> Fnv {
    match (&evidence.panic, &evidence.error) {
        (Some(panic), _) if panic.location.is_some() || evidence.error.is_none() => {
            if let Some(message) = &panic.message {
                hash = words(hash, message);
            }
        }
        (_, Some(error)) => {
            for link in &error.chain {
                hash = words(hash, &link.message);
            }
        }
        _ => {
            let body = evidence.response.as_ref().map(|response| &response.body);
            if let Some(body) = body.filter(|body| !body.is_empty()) {
                hash = words(hash, &String::from_utf8_lossy(body));
            }
        }
    }
    hash
}

fn words(hash: Fnv, message: &str) -> Fnv {
    let mut hash = Some(hash);
    normal_form(message, &mut |piece| {
        hash = hash.take().map(|hash| hash.bytes(piece.as_bytes()));
    });
    hash.unwrap_or_else(Fnv::new).number(0)
}

/// Where another crate panicked, the way there tells the app's problems apart.
fn raw_place(hash: Fnv, location: Option<&CodeLocation>, stack: Option<&RawStack>) -> Fnv {
    let Some(location) = location else {
        return hash;
    };
    let hash = hash
        .part(&location.file)
        .number(location.line.into())
        .number(location.column.into());
    match stack {
        Some(stack) if !is_app_file(&location.file) => hash.number(stack.hash()),
        _ => hash,
    }
}

fn stable_place(hash: Fnv, location: Option<&CodeLocation>, stack: Option<&Stack>) -> Fnv {
    let Some(location) = location else {
        return hash;
    };
    let frames = stack.map_or(&[][..], |stack| &stack.frames);
    let hash = match frames.iter().find(|frame| is_at(frame, location)) {
        Some(Frame {
            function: Some(function),
            ..
        }) => hash
            .part(stable_path(&location.file))
            .part(function)
            .number(location.column.into()),
        _ => hash
            .part(stable_path(&location.file))
            .number(location.line.into())
            .number(location.column.into()),
    };
    if is_app_file(&location.file) {
        return hash;
    }
    // Where the app called what panicked.
    match frames.iter().find(|frame| frame.in_app) {
        Some(Frame {
            function: Some(function),
            file,
            ..
        }) => hash
            .part(file.as_deref().map(file_name).unwrap_or_default())
            .part(function),
        _ => hash,
    }
}

fn is_at(frame: &Frame, location: &CodeLocation) -> bool {
    let file = frame.file.as_deref();
    frame.line == Some(location.line) && file.is_some_and(|file| same_file(file, &location.file))
}

/// Debug information names the app's files below the folder that they were built in, which differs from machine to machine.
fn file_name(path: &str) -> &str {
    path.rsplit(['/', '\\']).next().unwrap_or(path)
}

/// A path without what differs between machines and releases: the folders above a dependency's own with its version, and the
/// commit of the standard library.
fn stable_path(path: &str) -> &str {
    let behind = |path: &'_ str, marks: &[&str], folders: usize| -> Option<usize> {
        let at = marks
            .iter()
            .find_map(|mark| Some(path.find(mark)? + mark.len()))?;
        let mut end = at;
        for _ in 0..folders {
            end += path[end..].find('/')? + 1;
        }
        Some(end)
    };
    // `registry/src/<index>/<crate>-<version>/…`, `git/checkouts/<crate>-<hash>/<commit>/…`, `/rustc/<commit>/…`
    behind(path, &["registry/src/", "git/checkouts/"], 2)
        .or_else(|| behind(path, &["/rustc/"], 1))
        .map_or(path, |at| &path[at..])
}

/// Method and route. Without a router's word nothing that a client can choose: it could make a new problem of each request.
fn request_group(hash: Fnv, request: &RequestContext, grpc_status: Option<GrpcCode>) -> Fnv {
    let hash = hash.part(known_method(request.method()).unwrap_or(OTHER_METHOD));
    match (request.route(), grpc_status) {
        (Some(route), _) => hash.part(&route),
        // A call that a service implements is named by its path, and only these get as far as another status.
        (None, Some(code)) if code != GrpcCode::Unimplemented => hash.part(request.path()),
        (None, _) => hash,
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprint({self})")
    }
}

impl Serialize for Fingerprint {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Reads the 16 digits that `Display` writes, in lower or upper case.
impl FromStr for Fingerprint {
    type Err = InvalidFingerprint;

    fn from_str(text: &str) -> Result<Self, InvalidFingerprint> {
        let is_hexadecimal = text.bytes().all(|byte| byte.is_ascii_hexdigit());
        if text.len() != 16 || !is_hexadecimal {
            return Err(InvalidFingerprint);
        }
        u64::from_str_radix(text, 16)
            .map(Self::from_u64)
            .map_err(|_| InvalidFingerprint)
    }
}

impl<'de> Deserialize<'de> for Fingerprint {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

/// The text is no [`Fingerprint`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a fingerprint has 16 hexadecimal digits, such as `ba5875d600326ed1`")]
#[non_exhaustive]
pub struct InvalidFingerprint;

#[cfg(test)]
mod tests;
