//! Which occurrences are the same problem.

use std::fmt;

use serde::{Serialize, Serializer};
use tower_http::classify::GrpcCode;

use super::{Evidence, Kind};
use crate::request::{OTHER_METHOD, PanicRecord, RequestContext, known_method};

/// What all occurrences of one problem have in common: 64 bits, shown as 16 hexadecimal digits.
///
/// A panic is known by its place in the code and the type of its payload, never by its text, which may hold what a client
/// sent. A failed answer is known by method, route and status; without a [route](RequestContext::set_route), by method and
/// status alone, as a client can make up as many paths as it likes. The value is the same in every process and release of the
/// app, as long as the code stays where it is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint(u64);

impl Fingerprint {
    pub(crate) fn of(evidence: &Evidence) -> Self {
        let mut hash = Fnv::new().part(evidence.kind.as_str());
        if let Some(panic) = &evidence.panic {
            hash = place(hash, panic);
            if panic.location.is_some() {
                return hash.finish();
            }
        }
        if let Some(error) = &evidence.error {
            hash = hash.part(error.type_name);
        }
        let response = evidence.response.as_ref();
        if let Some(response) = response {
            hash = hash.number(u64::from(response.status.as_u16()));
        }
        let grpc_status = response.and_then(|response| response.grpc_status);
        if let Some(code) = grpc_status {
            hash = hash.part(&format!("{code:?}"));
        }
        match &evidence.request {
            Some(request) if evidence.kind != Kind::Test => {
                request_group(hash, request, grpc_status).finish()
            }
            _ => hash.finish(),
        }
    }

    pub(crate) const fn from_u64(value: u64) -> Self {
        Self(value)
    }

    /// The fingerprint as a number, for tables.
    #[must_use]
    pub const fn as_u64(self) -> u64 {
        self.0
    }
}

fn place(hash: Fnv, panic: &PanicRecord) -> Fnv {
    let hash = hash.part(panic.payload_type);
    match &panic.location {
        Some(location) => hash
            .part(&location.file)
            .number(location.line.into())
            .number(location.column.into()),
        None => hash,
    }
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

/// FNV-1a, 64 bits (RFC 9923), because fingerprints are compared between machines and releases: the standard library's
/// hashers may change.
struct Fnv(u64);

impl Fnv {
    fn new() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }

    /// The length goes in too, so that `ab`, `c` is not `a`, `bc`.
    fn part(self, text: &str) -> Self {
        self.number(text.len() as u64).bytes(text.as_bytes())
    }

    fn number(self, number: u64) -> Self {
        self.bytes(&number.to_le_bytes())
    }

    fn bytes(self, bytes: &[u8]) -> Self {
        let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        Self(bytes.iter().fold(self.0, step))
    }

    /// Zero and the largest number are kept free for tables that need marks.
    fn finish(self) -> Fingerprint {
        Fingerprint(self.0.clamp(1, u64::MAX - 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::{CodeLocation, RequestSettings};
    use crate::time::Timestamp;
    use http::{Request, StatusCode};

    fn request(path: &str) -> Option<RequestContext> {
        let settings = RequestSettings {
            owner: 0,
            id_header: http::HeaderName::from_static("x-request-id"),
            trust_ids: Default::default(),
            proxies: Default::default(),
            forwarded_header: Default::default(),
            peer: None,
        };
        let request = Request::builder().uri(path).body(()).unwrap();
        Some(RequestContext::begin(&request, &settings).0)
    }

    fn panic_at(line: u32, message: &str, path: &str) -> Fingerprint {
        let mut evidence = Evidence::new(Kind::Panic, Timestamp::now(), request(path));
        evidence.panic = Some(PanicRecord {
            message: Some(message.to_owned()),
            payload_type: "String",
            location: Some(CodeLocation {
                file: "src/cart.rs".to_owned(),
                line,
                column: 5,
            }),
            thread: None,
        });
        Fingerprint::of(&evidence)
    }

    #[test]
    fn a_panic_is_its_place_and_not_its_text_nor_its_request() {
        let one = panic_at(17, "index 7", "/a");
        assert_eq!(one, panic_at(17, "index 9", "/b"));
        assert_ne!(one, panic_at(18, "index 7", "/a"));
    }

    #[test]
    fn a_failed_answer_is_its_status_and_its_route() {
        let at = |status, path, route: Option<&str>| {
            let mut evidence = Evidence::new(Kind::ServerError, Timestamp::now(), request(path));
            if let (Some(request), Some(route)) = (&evidence.request, route) {
                request.set_route(route);
            }
            evidence.response = Some(super::super::ResponseEvidence::new(status));
            Fingerprint::of(&evidence)
        };
        let (bad, down) = (StatusCode::BAD_GATEWAY, StatusCode::SERVICE_UNAVAILABLE);
        let one = at(bad, "/orders/17", Some("/orders/{id}"));
        assert_eq!(one, at(bad, "/orders/18?x=1", Some("/orders/{id}")));
        assert_ne!(one, at(down, "/orders/17", Some("/orders/{id}")));
        assert_ne!(one, at(bad, "/orders/17", Some("/carts/{id}")));
        assert_eq!(at(bad, "/made/up", None), at(bad, "/by/a/client", None));
    }

    #[test]
    fn the_value_does_not_change_between_releases_of_this_crate() {
        assert_eq!(panic_at(17, "", "/").to_string(), "95d70c6931212203");
    }
}
