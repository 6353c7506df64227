//! An occurrence with every field set.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::occurrence::*;
use crate::request::{BodySnapshot, Device, Product, RequestId, TraceContext, User, UserAgent};

/// Stands wherever the person has something to say.
pub(super) const PERSON: &str = "uma@example.org";

/// What the fields of an occurrence are filled with.
#[derive(Clone, Debug)]
pub(super) struct Filling {
    pub(super) text: String,
    pub(super) person: String,
    pub(super) number: u64,
    pub(super) micros: i64,
    pub(super) elapsed: u64,
    pub(super) load: f32,
    pub(super) value: Value,
}

impl Filling {
    fn text(&self) -> String {
        self.text.clone()
    }

    fn some(&self) -> Option<String> {
        Some(self.text())
    }

    fn person(&self) -> String {
        self.person.clone()
    }

    fn small(&self) -> u32 {
        self.number as u32
    }

    fn time(&self) -> Timestamp {
        Timestamp::from_unix_micros(self.micros)
    }

    fn fields(&self) -> BTreeMap<String, String> {
        BTreeMap::from([("name".to_owned(), self.person())])
    }

    fn headers(&self) -> Vec<(String, String)> {
        vec![
            ("x-user".to_owned(), self.person()),
            ("x-user".to_owned(), self.text()),
        ]
    }

    fn breadcrumb(&self, level: Level, message: String) -> Breadcrumb {
        Breadcrumb {
            time: self.time(),
            level,
            target: self.text(),
            message,
            fields: self.fields(),
        }
    }

    fn location(&self) -> CodeLocation {
        CodeLocation {
            file: self.text(),
            line: self.small(),
            column: self.small(),
        }
    }

    fn stack(&self) -> Stack {
        let object = ObjectOffset {
            name: self.text(),
            offset: self.number,
            build_id: self.some(),
        };
        let source = SourceLines {
            before: vec![self.text(), String::new()],
            line: self.text(),
            after: vec![self.text()],
        };
        let frame = Frame {
            variables: Vec::new(),
            function: self.some(),
            module: self.some(),
            file: self.some(),
            line: Some(self.small()),
            column: Some(self.small()),
            in_app: true,
            inlined: true,
            source: Some(source),
            address: self.number,
            object: Some(object),
        };
        Stack {
            frames: vec![frame, Frame::default()],
            cut: self.small(),
            note: self.some(),
            crates: BTreeMap::new(),
        }
    }

    fn product(&self) -> Option<Product> {
        let mut product = UserAgent::parse(Some("curl/8.1.2"), &Default::default())?.browser?;
        product.name = self.text().into();
        Some(product)
    }

    fn request(&self) -> RequestSnapshot {
        let trace = json!({"trace_id": "0af7651916cd43dd8448eb211c80319c", "parent_id": "b7ad6b7169203331", "sampled": true});
        let browser = UserAgent {
            browser: self.product(),
            engine: self.product(),
            os: self.product(),
            device: Device::Tv,
            model: self.some(),
            architecture: self.some(),
        };
        RequestSnapshot {
            id: RequestId::generate(self.time()),
            started_at: self.time(),
            method: "PUT".to_owned(),
            path: format!("/buy/{}", self.person),
            query: Some(self.person()),
            route: Some("/buy/{item}".to_owned()),
            version: "HTTP/2.0".to_owned(),
            host: Some("shop.example.com".to_owned()),
            client_address: Some(self.person()),
            peer_address: Some(self.person()),
            route_parameters: self.fields(),
            headers: self.headers(),
            headers_left_out: self.small(),
            cookie_names: vec!["session".to_owned(), self.person(), "b c".to_owned()],
            body: Some(BodySnapshot {
                text: self.person(),
                bytes_read: self.number,
                is_whole: true,
            }),
            curl: format!("curl {}", self.person),
            browser: Some(browser),
            user_agent: Some(self.person()),
            referer: Some(self.person()),
            content_length: Some(self.number),
            trace: serde_json::from_value::<TraceContext>(trace).ok(),
            user: Some(User::new("42").name("Uma").email(self.person())),
            tags: self.fields(),
            extra: BTreeMap::from([
                ("value".to_owned(), self.value.clone()),
                ("person".to_owned(), json!([self.person])),
            ]),
            refused_values: self.small(),
        }
    }

    fn origin(&self) -> Origin {
        let platform = Platform {
            os: self.some(),
            kernel: self.some(),
            architecture: self.text().into(),
            cpus: Some(self.small()),
            container: self.some(),
            pod: self.some(),
            namespace: self.some(),
            node: self.some(),
            memory_limit: Some(self.number),
            rustc: Some(self.text().into()),
            profile: Some(self.text().into()),
            opt_level: Some(self.text().into()),
            git_revision: self.some(),
            crates: BTreeMap::from([("axum".to_owned(), self.text())]),
        };
        Origin {
            service: self.some(),
            release: self.some(),
            environment: self.some(),
            host: self.some(),
            pid: self.small(),
            platform,
        }
    }

    /// Every field is named here: a new one is not forgotten.
    pub(super) fn occurrence(&self) -> Occurrence {
        let exception = Exception {
            type_name: "panic".to_owned(),
            message: self.text(),
            location: Some(self.location()),
            stack: Some(self.stack()),
        };
        let source = Exception {
            type_name: "source".to_owned(),
            location: None,
            stack: None,
            ..exception.clone()
        };
        Occurrence {
            id: RequestId::generate_uuid(self.time()),
            kind: Kind::Panic,
            fingerprint: Fingerprint::from_u64(self.number),
            time: self.time(),
            exceptions: vec![exception, source],
            thread: self.some(),
            event: Some(self.breadcrumb(Level::Error, self.text())),
            spans: vec![Span {
                name: self.text(),
                target: self.text(),
                fields: self.fields(),
            }],
            breadcrumbs: Level::ALL
                .map(|level| self.breadcrumb(level, self.person()))
                .to_vec(),
            earlier_breadcrumbs: self.number,
            request: Some(self.request()),
            response: Some(ResponseSnapshot {
                status: 500,
                grpc_status: self.some(),
                headers: self.headers(),
                body: Some(self.person()),
            }),
            elapsed: Some(Duration::from_micros(self.elapsed)),
            origin: Arc::new(self.origin()),
            vitals: Vitals {
                uptime: Duration::from_secs(self.number),
                resident_memory: Some(self.number),
                memory_used: Some(self.number),
                memory_limit: Some(self.number),
                load: Some([self.load, 0.1, 12.34]),
                open_files: Some(self.number),
                threads: Some(self.small()),
                requests_in_flight: Some(self.number),
            },
            missing: vec![self.text()],
        }
    }
}

pub(super) fn plain() -> Filling {
    Filling {
        text: "cart 17".to_owned(),
        person: PERSON.to_owned(),
        number: 4_711,
        micros: 1_795_340_339_012_345,
        elapsed: 12_345,
        load: 0.25,
        value: json!({"total": 17.5}),
    }
}
