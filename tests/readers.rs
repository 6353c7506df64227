//! The Combined file as others read it: GoAccess and fail2ban, where they are installed.
#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

mod support;

use std::path::Path;
use std::process::Command;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use http::HeaderValue;
use serde_json::Value;
use support::programs::{installed, output};
use support::{LONG, get as request, text};
use tower::ServiceExt;
use tower_monitor::{Audit, Monitor, PeerAddr};

/// Thirty requests of all sorts, five of them refused, in a Combined file.
async fn audited(file: &Path) {
    support::quiet();
    let monitor = Monitor::builder()
        .audit(Audit::combined(file))
        .build()
        .unwrap();
    let app = Router::new()
        .route("/articles/{id}", get(|| async { "an article" }))
        .route("/login", get(|| async { StatusCode::UNAUTHORIZED }))
        .route("/panic", get(|| async { panic!("expected") as () }))
        .layer(monitor.layer());
    let agents = [
        "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
        "a \"quoted\" agent \\ with \u{e9} and a [bracket]",
        "",
    ];
    for n in 0..30 {
        let path = match n % 6 {
            0 => "/login".to_owned(),
            1 => "/panic".to_owned(),
            2 => "/articles/1?q=%22%20HTTP/1.1%22%20200%200&token=hunter2".to_owned(),
            _ => format!("/articles/{n}"),
        };
        let mut request = request(&path);
        let address = if n % 6 == 0 {
            "198.51.100.7:99"
        } else {
            "203.0.113.9:99"
        };
        request
            .extensions_mut()
            .insert(PeerAddr(address.parse().unwrap()));
        let agent = HeaderValue::from_bytes(agents[n % 3].as_bytes()).unwrap();
        request.headers_mut().insert("user-agent", agent);
        let _ = text(app.clone().oneshot(request).await.unwrap()).await;
    }
    // A client that leaves before the answer: 499.
    let leaving = Router::new()
        .route("/slow", get(std::future::pending::<()>))
        .layer(monitor.layer());
    let mut slow = request("/slow");
    slow.extensions_mut()
        .insert(PeerAddr("[2001:db8::7]:99".parse().unwrap()));
    let mut pending = Box::pin(leaving.oneshot(slow));
    assert!(futures_util::poll!(&mut pending).is_pending());
    drop(pending);
    assert!(monitor.shutdown(LONG).await);
}

#[tokio::test]
async fn goaccess_reads_every_line() {
    if !installed("goaccess") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (file, report) = (
        folder.path().join("access.log"),
        folder.path().join("report.json"),
    );
    audited(&file).await;
    let mut goaccess = Command::new("goaccess");
    goaccess
        .arg(&file)
        .args(["--log-format=COMBINED", "--no-global-config", "-o"])
        .arg(&report);
    output(&goaccess);
    let report: Value = serde_json::from_str(&std::fs::read_to_string(report).unwrap()).unwrap();
    let general = &report["general"];
    assert_eq!(general["total_requests"], 31, "{general}");
    assert_eq!(
        (&general["valid_requests"], &general["failed_requests"]),
        (&31.into(), &0.into())
    );
}

#[tokio::test]
async fn fail2ban_finds_who_was_refused() {
    if !installed("fail2ban-regex") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("access.log");
    audited(&file).await;
    let expression = r#"^<HOST> \S+ \S+ \[[^\]]*\] "[A-Z]+ /login[^"]*" 401 "#;
    let mut fail2ban = Command::new("fail2ban-regex");
    fail2ban
        .args(["--print-all-matched"])
        .arg(&file)
        .arg(expression);
    let report = output(&fail2ban);
    assert!(
        report.contains("31 lines, 0 ignored, 5 matched, 26 missed"),
        "{report}"
    );
    assert_eq!(report.matches("198.51.100.7 - - [").count(), 5, "{report}");
}
