//! OpenTelemetry's variables, as "OpenTelemetry Protocol Exporter" and "Resource SDK" specify them.

use std::borrow::Cow;

use super::Otlp;
use crate::notify::settings::filled;
use crate::redact::percent_decoded;

impl Otlp {
    pub(super) fn from(variable: impl Fn(&str) -> Option<String>) -> Option<Self> {
        // "The SDK MUST interpret an empty value the same way as when the variable is unset."
        let variable = |name: &str| filled(&variable(name)?);
        let of_logs = |what: &str| {
            let own = format!("OTEL_EXPORTER_OTLP_LOGS_{what}");
            let general = format!("OTEL_EXPORTER_OTLP_{what}");
            let found = variable(&own).map(|value| (own, value));
            found.or_else(|| variable(&general).map(|value| (general, value)))
        };
        let is = |name: &str, value: &str| {
            variable(name).is_some_and(|found| found.eq_ignore_ascii_case(value))
        };
        if is("OTEL_SDK_DISABLED", "true") || is("OTEL_LOGS_EXPORTER", "none") {
            return None;
        }
        let speaks_grpc =
            of_logs("PROTOCOL").is_some_and(|(_, protocol)| protocol.eq_ignore_ascii_case("grpc"));
        let mut otlp = match of_logs("ENDPOINT")? {
            (name, url) if name.contains("LOGS") => Self::logs_endpoint(url),
            // That is for the app's traces and metrics.
            _ if speaks_grpc && !is(LOGS_PROTOCOL, "grpc") => return None,
            (_, url) => Self::endpoint(url),
        };
        if speaks_grpc {
            otlp = otlp.with_problem(format!(
                "OpenTelemetry's environment wants logs sent by grpc, which this crate does not speak; right is \
                 {LOGS_PROTOCOL}=`http/json`, with an endpoint for OTLP over HTTP such as `http://localhost:4318`"
            ));
        }
        if let Some((name, headers)) = of_logs("HEADERS") {
            otlp = match pairs(&headers) {
                Some(pairs) => pairs
                    .into_iter()
                    .fold(otlp, |otlp, (name, value)| otlp.header(name, value)),
                None => otlp.with_problem(not_pairs(&name, "api-key=0b6d3f1a,x-team=shop")),
            };
        }
        if let Some(service) = variable("OTEL_SERVICE_NAME") {
            otlp = otlp.resource_attribute("service.name", service);
        }
        if let Some(attributes) = variable(RESOURCE) {
            otlp = match pairs(&attributes) {
                Some(pairs) => pairs.into_iter().fold(otlp, |otlp, (name, value)| {
                    otlp.resource_attribute(name, value)
                }),
                None => otlp.with_problem(not_pairs(RESOURCE, "service.namespace=shops,team=a")),
            };
        }
        Some(otlp)
    }
}

fn not_pairs(name: &str, right: &str) -> String {
    format!("{name} has a part that is no name and value; a right one looks like `{right}`")
}

/// `name=value,name=value`; `None` when a part is not of this form.
fn pairs(text: &str) -> Option<Vec<(String, String)>> {
    let parts = text.split(',').map(str::trim);
    parts
        .filter(|part| !part.is_empty())
        .map(|part| {
            let (name, value) = part.split_once('=')?;
            let (name, value) = (decoded(name.trim()), decoded(value.trim()));
            (!name.is_empty()).then_some((name, value))
        })
        .collect()
}

/// Without `%41`; a `+` is itself, as in Base64.
fn decoded(text: &str) -> String {
    match text.contains('+') {
        true => percent_decoded(&text.replace('+', "%2B")).into_owned(),
        false => Cow::into_owned(percent_decoded(text)),
    }
}

const LOGS_PROTOCOL: &str = "OTEL_EXPORTER_OTLP_LOGS_PROTOCOL";
const RESOURCE: &str = "OTEL_RESOURCE_ATTRIBUTES";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_decoded_and_keep_their_plus() {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(
            pairs("authorization=Basic%20dTpw+K==, x-a = b%2Cc ,"),
            Some(vec![
                pair("authorization", "Basic dTpw+K=="),
                pair("x-a", "b,c")
            ])
        );
        for wrong in ["a", "=b", "a=b,c", " = "] {
            assert_eq!(pairs(wrong), None, "{wrong}");
        }
    }
}
