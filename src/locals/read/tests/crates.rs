//! Types of crates that every service has.

use crate::locals::sample::read;

fn shown<T>(value: &T) -> String {
    read(value).to_string()
}

#[test]
fn requests() {
    assert_eq!(shown(&http::Method::GET), "GET");
    assert_eq!(shown(&http::StatusCode::NOT_FOUND), "404");
    let uri: http::Uri = "https://shop.example.com/cart?id=7".parse().unwrap();
    assert_eq!(shown(&uri), r#""https://shop.example.com/cart?id=7""#);
    let uri: http::Uri = "/cart".parse().unwrap();
    assert_eq!(shown(&uri), r#""/cart""#);
    let uri: http::Uri = "https://uma:hunter2@example.com/".parse().unwrap();
    assert!(!shown(&uri).contains("hunter2"), "{}", shown(&uri));
    let mut headers = http::HeaderMap::new();
    headers.insert("content-type", "text/plain".parse().unwrap());
    headers.insert("x-tenant", "t-1".parse().unwrap());
    headers.insert("authorization", "Bearer abc".parse().unwrap());
    let expected =
        r#"{content-type: "text/plain", "x-tenant": <redacted>, authorization: <redacted>}"#;
    assert_eq!(shown(&headers), expected);
}

#[test]
fn json() {
    let value = serde_json::json!({"a": [1, -2, 1.5, null, true], "b": {"c": "x"}, "e": []});
    let expected = r#"{"a": [1, -2, 1.5, null, true], "b": {"c": "x"}, "e": []}"#;
    assert_eq!(shown(&value), expected);
}
