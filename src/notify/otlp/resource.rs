//! The process as a resource, in the attributes of OpenTelemetry's semantic conventions.

use serde_json::{Map, Value};

use super::value::Attributes;
use crate::issue::Alert;
use crate::occurrence::Origin;

/// What is known of the process, and what somebody added for what is not.
pub(super) fn resource(alert: &Alert, added: &[(String, String)]) -> Map<String, Value> {
    let mut said = Value::Object(known(&alert.occurrence.origin).0);
    alert.redact_json(&mut said);
    let Value::Object(mut fields) = said else {
        return Map::new();
    };
    for (name, value) in added {
        fields
            .entry(name.clone())
            .or_insert_with(|| value.as_str().into());
    }
    fields
        .entry("service.name")
        .or_insert_with(|| "unknown_service".into());
    fields.insert("process.pid".to_owned(), alert.occurrence.origin.pid.into());
    fields
}

fn known(origin: &Origin) -> Attributes {
    let platform = &origin.platform;
    let mut fields = Attributes::default();
    fields.set("service.name", &origin.service);
    fields.set("service.version", &origin.release);
    fields.set("deployment.environment.name", &origin.environment);
    fields.set("host.name", &origin.host);
    fields.set("host.arch", architecture(&platform.architecture));
    fields.set("os.type", os());
    fields.set("os.description", &platform.os);
    let container = platform.container.as_deref();
    let is_id = |text: &&str| text.len() >= 12 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    fields.set("container.id", container.filter(is_id));
    fields.set("container.name", container.filter(|text| !is_id(text)));
    fields.set("k8s.pod.name", &platform.pod);
    fields.set("k8s.namespace.name", &platform.namespace);
    fields.set("k8s.node.name", &platform.node);
    fields.set("vcs.ref.head.revision", &platform.git_revision);
    if let Some(rustc) = &platform.rustc {
        fields.set("process.runtime.name", "rustc");
        fields.set("process.runtime.version", rustc);
    }
    fields.set("telemetry.sdk.name", env!("CARGO_PKG_NAME"));
    fields.set("telemetry.sdk.version", env!("CARGO_PKG_VERSION"));
    fields.set("telemetry.sdk.language", "rust");
    fields
}

/// The names that `host.arch` lists, from those of Rust.
fn architecture(name: &str) -> &str {
    match name {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        "arm" => "arm32",
        "powerpc" => "ppc32",
        "powerpc64" => "ppc64",
        name => name,
    }
}

/// The names that `os.type` lists.
fn os() -> &'static str {
    match std::env::consts::OS {
        "macos" | "ios" => "darwin",
        "dragonfly" => "dragonflybsd",
        name => name,
    }
}
