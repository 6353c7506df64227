//! Every kind of secret in every place that a request, the app or its errors have: none comes out anywhere.
#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

mod support;

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io;
use std::sync::{Arc, Mutex};

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use axum::{Router, http::Request};
use support::{LONG, text};
use tower::ServiceExt;
use tower_monitor::notify::{Capture, Message};
use tower_monitor::redact::{Privacy, Redaction};
use tower_monitor::request::RequestBodies;
use tower_monitor::{Audit, Monitor, RequestContext, ServerError, User, capture, capture_message};
use tracing_subscriber::Layer;
use tracing_subscriber::prelude::*;

/// What is planted, and what must not be found.
#[derive(Clone, Debug)]
struct Secret {
    kind: &'static str,
    /// The secret as it stands in a text.
    text: String,
    needle: String,
}

impl Secret {
    fn new(kind: &'static str, text: &str, needle: &str) -> Self {
        assert!(text.contains(needle));
        let (text, needle) = (text.to_owned(), needle.to_owned());
        Self { kind, text, needle }
    }
}

/// Secrets that are known by their form, wherever they stand.
fn by_value() -> Vec<Secret> {
    let secret = |kind, text: &str| Secret::new(kind, text, text);
    vec![
        secret("card", "4111111111111111"),
        Secret::new("card in groups", "5555-5555-5555-4444", "5555-4444"),
        Secret::new(
            "JSON Web Token",
            "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ1bWEifQ.dozjgNryP4J3jVmNHl0w5N",
            "dozjgNryP4J3jVmNHl0w5N",
        ),
        Secret::new("bearer", "Bearer q8Zr1vT5mWx2LkPd", "q8Zr1vT5mWx2LkPd"),
        Secret::new("basic", "Basic dW1hOmh1bnRlcjI6OTk=", "dW1hOmh1bnRlcjI6OTk"),
        secret("OpenAI key", "sk-proj-0aB1cD2eF3gH4iJ5kL6mN7oP8"),
        secret("AWS key id", "AKIAIOSFODNN7EXAMPLE"),
        secret("GitHub token", "ghp_0aB1cD2eF3gH4iJ5kL6mN7oP8qR9sT0uV1wX"),
        secret("Slack token", "xoxb-123456789012-0aB1cD2eF3gH4iJ5kL6m"),
        secret("Stripe key", "sk_live_0aB1cD2eF3gH4iJ5kL6mN7oP"),
        Secret::new(
            "private key",
            "-----BEGIN RSA PRIVATE KEY-----MIIEpAIBAAKCAQEA7bq-----END RSA PRIVATE KEY-----",
            "MIIEpAIBAAKCAQEA7bq",
        ),
        Secret::new(
            "password in a URL",
            "postgres://app:t0ps3cr3t@db/shop",
            "t0ps3cr3t",
        ),
        secret("random string", "q9Zf3LmX7pRk2WvT8sYb4NcH6dGj1QaE"),
    ]
}

/// Secrets that only their names give away: planted as `name=value` and in places that have names of their own.
fn by_name() -> Vec<(&'static str, Secret)> {
    let names = [
        "password",
        "passwd",
        "user_password",
        "secret",
        "client-secret",
        "token",
        "accessToken",
        "api_key",
        "X-Api-Key",
        "authorization",
        "session",
        "session_id",
        "csrf_token",
        "card_number",
        "cvv",
        "ssn",
        "private_key",
        "credential",
        "pin",
    ];
    names
        .into_iter()
        .enumerate()
        .map(|(index, name)| {
            let value = format!("plum{index}jam");
            (name, Secret::new(name, &format!("{name}={value}"), &value))
        })
        .collect()
}

/// Where something is planted: in the request, or by the handler.
type Plant = fn(&mut Planted, &Secret);

/// The same for a name and its value.
type PlantNamed = fn(&mut Planted, &'static str, &str);

#[derive(Default)]
struct Planted {
    path: Option<String>,
    query: Option<String>,
    headers: Vec<(&'static str, String)>,
    body: Option<(&'static str, String)>,
    handler: Option<Handler>,
}

type Handler = Arc<dyn Fn(&RequestContext) -> Response + Send + Sync>;

fn handler(act: impl Fn(&RequestContext) -> Response + Send + Sync + 'static) -> Option<Handler> {
    Some(Arc::new(act))
}

fn fails() -> Response {
    StatusCode::INTERNAL_SERVER_ERROR.into_response()
}

/// Places for free text.
fn places() -> Vec<(&'static str, Plant)> {
    vec![
        ("path", |it, secret| {
            it.path = Some(format!("/item/{}", encoded(&secret.text)))
        }),
        ("query", |it, secret| {
            it.query = Some(format!("q={}", encoded(&secret.text)))
        }),
        ("header", |it, secret| {
            it.headers.push(("x-note", secret.text.clone()))
        }),
        ("user agent", |it, secret| {
            it.headers
                .push(("user-agent", format!("shop/1 {}", secret.text)))
        }),
        ("referer", |it, secret| {
            it.headers.push((
                "referer",
                format!("https://x.example/?q={}", encoded(&secret.text)),
            ))
        }),
        ("cookie", |it, secret| {
            it.headers
                .push(("cookie", format!("theme={}", secret.text)))
        }),
        ("JSON body", |it, secret| {
            it.body = Some((
                "application/json",
                format!(r#"{{"note":["{}"]}}"#, secret.text),
            ))
        }),
        ("form", |it, secret| {
            it.body = Some((
                "application/x-www-form-urlencoded",
                format!("a=1&note={}", encoded(&secret.text)),
            ))
        }),
        ("text body", |it, secret| {
            it.body = Some(("text/plain", format!("hello {} bye", secret.text)))
        }),
        ("panic", |it, secret| {
            let text = secret.text.clone();
            it.handler = handler(move |_| panic!("expected {text} is wrong"));
        }),
        ("local variables", |it, secret| {
            let text = secret.text.clone();
            it.handler = handler(move |_| fails_with(&text, vec![Some(text.clone())]));
        }),
        ("error", |it, secret| {
            let text = secret.text.clone();
            it.handler = handler(move |_| {
                let source = io::Error::other(format!("refused: {text}"));
                ServerError::from(io::Error::new(io::ErrorKind::NotFound, source)).into_response()
            });
        }),
        ("captured error", |it, secret| {
            let text = secret.text.clone();
            it.handler = handler(move |_| {
                capture(&io::Error::other(text.clone()));
                fails()
            });
        }),
        ("captured message", |it, secret| {
            let text = secret.text.clone();
            it.handler = handler(move |_| {
                capture_message(&text);
                StatusCode::OK.into_response()
            });
        }),
        ("breadcrumb", |it, secret| {
            let text = secret.text.clone();
            it.handler = handler(move |context| {
                context.breadcrumb(format!("tried {text}"));
                fails()
            });
        }),
        ("event and span", |it, secret| {
            let text = secret.text.clone();
            it.handler = handler(move |_| {
                let _span = tracing::info_span!("step", note = text.as_str()).entered();
                tracing::info!(note = text.as_str(), "tried {text}");
                panic!("expected")
            });
        }),
        ("logged error", |it, secret| {
            let text = secret.text.clone();
            it.handler = handler(move |_| {
                tracing::error!(note = text.as_str(), "lost {text}");
                StatusCode::OK.into_response()
            });
        }),
        ("tag, extra and user", |it, secret| {
            let text = secret.text.clone();
            it.handler = handler(move |context| {
                context.set_tag("note", &text);
                context.set_extra("note", serde_json::json!({ "deep": [{ "note": text }] }));
                context.set_user(User::new("42").name(&text).email(&text));
                fails()
            });
        }),
        ("response", |it, secret| {
            let text = secret.text.clone();
            it.handler = handler(move |_| {
                let header = [("x-reason", HeaderValue::from_str(&text).unwrap())];
                (StatusCode::BAD_GATEWAY, header, format!("failed: {text}\n")).into_response()
            });
        }),
    ]
}

/// Places that have a name.
fn named_places() -> Vec<(&'static str, PlantNamed)> {
    vec![
        ("query", |it, name, value| {
            it.query = Some(format!("a=1&{name}={value}&b=2"))
        }),
        ("header", |it, name, value| {
            if HeaderName::try_from(name).is_ok() {
                it.headers.push((name, value.to_owned()));
            }
        }),
        ("cookie", |it, name, value| {
            it.headers.push(("cookie", format!("{name}={value}")))
        }),
        ("JSON body", |it, name, value| {
            it.body = Some((
                "application/json",
                format!(r#"{{"a":{{"{name}":"{value}"}}}}"#),
            ))
        }),
        ("cut JSON body", |it, name, value| {
            it.body = Some(("application/json", format!(r#"{{"a":{{"{name}":"{value}"#)))
        }),
        ("form", |it, name, value| {
            it.body = Some((
                "application/x-www-form-urlencoded",
                format!("a=1&{name}={value}"),
            ))
        }),
        ("debug output", |it, name, value| {
            let text = format!("Login {{ {}: Some(\"{value}\") }}", name.replace('-', "_"));
            it.handler = handler(move |_| panic!("expected {text}"));
        }),
        ("local variables", |it, name, value| {
            let entry = (name.to_owned(), value.to_owned());
            it.handler = handler(move |_| fails_among(HashMap::from([entry.clone()])));
        }),
        ("tag and extra", |it, name, value| {
            let value = value.to_owned();
            it.handler = handler(move |context| {
                context.set_tag(name, &value);
                context.set_extra("it", serde_json::json!({ "deep": [{ name: value }] }));
                fails()
            });
        }),
        ("response header", |it, name, value| {
            let value = HeaderValue::from_str(value).unwrap();
            it.handler = handler(move |_| {
                let mut response = fails();
                if let Ok(name) = HeaderName::try_from(name) {
                    response.headers_mut().insert(name, value.clone());
                }
                response
                    .headers_mut()
                    .insert(header::SET_COOKIE, value.clone());
                response
            });
        }),
    ]
}

/// Fails with what it was called with among its variables.
fn fails_with(note: &str, notes: Vec<Option<String>>) -> Response {
    let length = note.len();
    assert!(notes.is_empty(), "expected {length}");
    fails()
}

fn fails_among(entries: HashMap<String, String>) -> Response {
    let first = entries.iter().next();
    let count = entries.len();
    assert!(first.is_none(), "expected {count}");
    fails()
}

/// Whether variables are read.
const READS_VARIABLES: bool = cfg!(all(
    feature = "locals",
    target_os = "linux",
    target_arch = "x86_64"
));

/// For a URL.
fn encoded(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'=' | b':' => {
                out.push(byte.into())
            }
            byte => write!(out, "%{byte:02X}").unwrap(),
        }
    }
    out
}

async fn serve(
    State(act): State<Option<Handler>>,
    context: RequestContext,
    id: Option<Path<String>>,
    body: String,
) -> Response {
    drop((id, body));
    act.map_or_else(fails, |act| act(&context))
}

/// Everything that leaves a monitor.
struct Sinks {
    monitor: Monitor,
    alerts: Capture,
    folder: tempfile::TempDir,
    log: Log,
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Sinks {
    fn new(redaction: Redaction) -> Self {
        support::quiet();
        let folder = tempfile::tempdir().unwrap();
        let alerts = Capture::new();
        let builder = Monitor::builder();
        #[cfg(feature = "locals")]
        let builder = builder.locals(tower_monitor::locals::Locals::new());
        let monitor = builder
            .audit(Audit::json_lines(folder.path().join("audit.jsonl")))
            .audit(Audit::combined(folder.path().join("access.log")))
            .audit(Audit::tracing())
            .notifier(alerts.clone())
            .request_bodies(RequestBodies::new())
            .redaction(redaction)
            .build()
            .unwrap();
        Self {
            monitor,
            alerts,
            folder,
            log: Log::default(),
        }
    }

    async fn send(&self, planted: Planted) {
        let app = Router::new()
            .route("/", any(serve))
            .route("/item/{id}", any(serve))
            .with_state(planted.handler)
            .layer(self.monitor.layer());
        let mut uri = planted.path.unwrap_or_else(|| "/".to_owned());
        if let Some(query) = planted.query {
            write!(uri, "?{query}").unwrap();
        }
        let mut request = Request::post(uri);
        for (name, value) in planted.headers {
            request = request.header(name, value);
        }
        let (kind, body) = planted.body.unwrap_or(("text/plain", String::new()));
        let request = request
            .header("content-type", kind)
            .body(Body::from(body))
            .unwrap();
        // What the client sees of a failure is the app's own word.
        let _ = text(app.oneshot(request).await.unwrap()).await;
    }

    /// Everything that has come out so far, and how many alerts there were.
    async fn everything(&self) -> (String, usize) {
        assert!(self.monitor.flush(LONG).await);
        let mut all = String::new();
        let alerts = self.alerts.taken();
        for alert in &alerts {
            write!(
                all,
                "{}\n{}\n{alert:?}\n",
                serde_json::to_string(alert).unwrap(),
                Message::of(alert)
            )
            .unwrap();
        }
        for issue in self.monitor.issues().await.unwrap() {
            write!(all, "{}", serde_json::to_string(&issue).unwrap()).unwrap();
            for occurrence in self.monitor.occurrences(issue.fingerprint).await.unwrap() {
                write!(all, "{}", serde_json::to_string(&*occurrence).unwrap()).unwrap();
            }
        }
        for file in ["audit.jsonl", "access.log"] {
            all += &std::fs::read_to_string(self.folder.path().join(file)).unwrap();
        }
        let log = String::from_utf8(self.log.0.lock().unwrap().clone()).unwrap();
        assert!(log.contains("url.path"), "the log is looked at too: {log}");
        all += &log;
        (all, alerts.len())
    }
}

/// Collects breadcrumbs, and shows the span and the audit events of the monitor as the app's own log does.
fn subscribe(sinks: &Sinks) -> tracing::subscriber::DefaultGuard {
    let writer = sinks.log.clone();
    let of_the_monitor = tracing_subscriber::filter::filter_fn(|metadata| {
        metadata.target().starts_with("tower_monitor")
    });
    let layer = tracing_subscriber::fmt::layer()
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .with_filter(of_the_monitor);
    tracing_subscriber::registry()
        .with(sinks.monitor.tracing_layer())
        .with(layer)
        .set_default()
}

#[tokio::test]
async fn a_secret_known_by_its_form_comes_out_nowhere() {
    let mut found = Vec::new();
    for (place, plant) in places() {
        for secret in by_value() {
            let sinks = Sinks::new(Redaction::new());
            let guard = subscribe(&sinks);
            let mut planted = Planted::default();
            plant(&mut planted, &secret);
            sinks.send(planted).await;
            drop(guard);
            let (all, alerts) = sinks.everything().await;
            assert_eq!(alerts, 1, "{} in {place}: told", secret.kind);
            let variable = r#"{"name":"notes","type":"Vec<Option<String>>","value":{"list""#;
            let is_read = all.contains(variable);
            assert_eq!(
                is_read,
                place == "local variables" && READS_VARIABLES,
                "{all}"
            );
            if all.contains(&secret.needle) {
                let at = all.find(&secret.needle).unwrap();
                let from = all.floor_char_boundary(at.saturating_sub(120));
                let to = all.ceil_char_boundary(at + 60);
                found.push(format!("{} in {place}: …{}…", secret.kind, &all[from..to]));
            }
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[tokio::test]
async fn a_secret_known_by_its_name_comes_out_nowhere() {
    let mut found = Vec::new();
    let mut look = async |place: &str, planted: Planted, secret: &Secret| {
        let sinks = Sinks::new(Redaction::new());
        let guard = subscribe(&sinks);
        sinks.send(planted).await;
        drop(guard);
        let (all, alerts) = sinks.everything().await;
        assert_eq!(alerts, 1, "{} in {place}: told", secret.kind);
        if let Some(at) = all.find(&secret.needle) {
            let from = all.floor_char_boundary(at.saturating_sub(120));
            found.push(format!(
                "{} in {place}: …{}",
                secret.kind,
                &all[from..at + secret.needle.len()]
            ));
        }
    };
    for (name, secret) in by_name() {
        for (place, plant) in places() {
            let mut planted = Planted::default();
            plant(&mut planted, &secret);
            look(place, planted, &secret).await;
        }
        for (place, plant) in named_places() {
            let mut planted = Planted::default();
            plant(&mut planted, name, &secret.needle);
            look(place, planted, &secret).await;
        }
    }
    assert!(
        found.is_empty(),
        "{} found\n{}",
        found.len(),
        found.join("\n")
    );
}

#[tokio::test]
async fn each_privacy_mode_keeps_as_much_of_a_person_as_it_says() {
    for (privacy, is_shown, address) in [
        (Privacy::Full, true, Some("203.0.113.77")),
        (Privacy::Pseudonymous, false, Some("203.0.113.0/24")),
        (Privacy::Strict, false, None),
    ] {
        let sinks = Sinks::new(Redaction::new().privacy(privacy).salt("pepper"));
        // Put together here, for the lines of the source are shown as well.
        let id = ["customer", "42"].join("-");
        let act = handler(move |context| {
            let user = User::new(&id).name(["Uma", "Berg"].join(" "));
            context.set_user(user.email("uma@example.org"));
            panic!("expected, for uma@example.org at 203.0.113.77")
        });
        let peer = tower_monitor::PeerAddr("203.0.113.77:4711".parse().unwrap());
        let app = Router::new()
            .route("/", any(serve))
            .with_state(act)
            .layer(sinks.monitor.layer());
        let request = Request::post("/?from=uma@example.org")
            .header("x-forwarded-for", "203.0.113.77")
            .extension(peer)
            .body(Body::empty())
            .unwrap();
        let _ = text(app.oneshot(request).await.unwrap()).await;
        assert!(sinks.monitor.flush(LONG).await);
        let alert = sinks.alerts.taken().remove(0);
        let seen = alert.occurrence.request.as_ref().unwrap();
        assert_eq!(seen.client_address.as_deref(), address, "{privacy:?}");
        let told = format!(
            "{}{}",
            serde_json::to_string(&alert).unwrap(),
            Message::of(&alert)
        );
        for person in ["customer-42", "Uma Berg", "uma@example.org", "203.0.113.77"] {
            assert_eq!(
                told.contains(person),
                is_shown,
                "{privacy:?}: {person}\n{told}"
            );
        }
        assert_eq!(
            seen.user.is_some(),
            privacy != Privacy::Strict,
            "{privacy:?}"
        );
    }
}
