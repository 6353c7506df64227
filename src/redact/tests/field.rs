//! Lines as services of Rust really write them: errors, `Debug`, settings, logs, commands.

use super::clean;

#[test]
fn as_real_services_say_it_the_secret_goes() {
    for text in SECRET {
        let result = clean(text);
        assert!(text.contains("hunter2"), "nothing is hidden in {text}");
        assert!(!result.contains("hunter2"), "{text}\nis\n{result}");
        assert_eq!(clean(&result), result, "of {text}");
    }
}

#[test]
fn as_real_services_say_it_the_rest_stays() {
    for text in READABLE {
        assert_eq!(clean(text), *text);
    }
    for (text, expected) in [
        (
            "Config {\n    password: Some(\n        \"x y\",\n    ),\n    n: 1,\n}",
            "Config {\n    password: Some(\n        \"[redacted]\",\n    ),\n    n: 1,\n}",
        ),
        (
            "Config {\n    token: Token(\n        \"x\",\n    ),\n    n: 1,\n}",
            "Config {\n    token: [redacted],\n    n: 1,\n}",
        ),
        (
            "detail: Some(\"Key (token)=(x) already exists.\"), n",
            "detail: Some(\"Key (token)=[redacted] already exists.\"), n",
        ),
        (
            "\"app\" \"--password\" \"x\" \"--port\" \"1\"",
            "\"app\" \"--password\" \"[redacted]\" \"--port\" \"1\"",
        ),
        (
            "Wrote: AUTH PLAIN AHVzZXIAaHVudGVyMg==\r\n",
            "Wrote: AUTH PLAIN [redacted]\r\n",
        ),
        (
            "error sending request for url (http://u:p@host/x?token=abc&n=1): refused",
            "error sending request for url (http://[redacted]@host/x?token=[redacted]&n=1): refused",
        ),
    ] {
        assert_eq!(clean(text), expected, "of {text}");
    }
}

const SECRET: &[&str] = &[
    // Errors of drivers and clients.
    r#"Error { kind: Config, cause: Some("invalid connection string: postgres://u:hunter2@h/db") }"#,
    "error sending request for url (http://u:hunter2@host/x?n=1): connection refused",
    "error sending request for url (https://host/x?api_key=hunter2&n=1)",
    r#"detail: Some("Key (token)=(hunter2) already exists.")"#,
    r#"detail: Some("Key (user_id, token)=(7, hunter2) already exists.")"#,
    "UPDATE users SET password='hunter2' WHERE id=7",
    "SELECT * FROM users WHERE password = 'hunter2' AND id = 1",
    "HTTP status client error (401) for url (https://api.telegram.org/bot123:AAhunter2/getMe)",
    "WRONGPASS for redis://default:hunter2@cache:6379/0",
    "parse error: unexpected token: 'hunter2' at 12",
    "GitHub token: hunter2 is expired",
    // `Debug` of settings, on one line and on many.
    r#"ConnectionInfo { addr: Tcp("h", 6379), redis: RedisConnectionInfo { db: 0, password: Some("hunter2") } }"#,
    r#"PgConnectOptions { host: "h", username: "u", password: Some("hunter2"), database: None }"#,
    r#"Config { database_url: "postgres://u:hunter2@h/db", port: 1 }"#,
    r#"Config { jwt_secret: "hunter2", port: 1 }"#,
    r#"Credentials { authentication_identity: "u", secret: "hunter2" }"#,
    "Config {\n    smtp_password: Some(\n        \"hunter2\",\n    ),\n}",
    "Config {\n    token: Token(\n        \"hunter2\",\n    ),\n}",
    "Config {\n    token: Some(\n        Token(\n            \"hunter2\",\n        ),\n    ),\n}",
    "Config {\n    authorization: Authorization(\n        \"hunter2\",\n    ),\n}",
    "Config {\n    session: Session {\n        id: \"hunter2\",\n    },\n}",
    r#"{"dump":"Config {\n    password: Some(\n        \"hunter2\",\n    ),\n}"}"#,
    r#"{"dump":"Config {\n    token: Token(\n        \"hunter2\",\n    ),\n}"}"#,
    "tokens: [\n    \"hunter2\",\n    \"b\",\n]",
    r#"password: String("hunter2")"#,
    // Settings and environments.
    "DATABASE_URL=postgres://u:hunter2@h/db",
    "AWS_SECRET_ACCESS_KEY=hunter2/K7MDENG/b",
    "PGPASSWORD=hunter2 psql -h db",
    "export SMTP_PASS='hunter2'",
    "SECRET_KEY_BASE=\"hunter2 x\"",
    "REDISCLI_AUTH=hunter2",
    "db:\n  user: app\n  password: hunter2\n  port: 1",
    "[db]\npassword = \"hunter2 x\"\nport = 1",
    "[db]\npassword = '''hunter2'''\nport = 1",
    "[db]\npassword = \"\"\"\nhunter2\"\"\"\nport = 1",
    "host=h user=u password='hunter2 x' dbname=x",
    "Server=h;Uid=u;Pwd=hunter2;",
    "Endpoint=sb://x/;SharedAccessKey=hunter2hunter2=",
    "{\n  \"password\":\n    \"hunter2\"\n}",
    // Commands.
    "app --password=hunter2 --port 1",
    "app --password hunter2 --port 1",
    "app --password \"hunter2 x\" --port 1",
    r#"Args { inner: ["app", "--password", "hunter2"] }"#,
    r#""app" "--token" "hunter2""#,
    // HTTP.
    "POST /login HTTP/1.1\r\nHost: x\r\nAuthorization: Basic hunter2\r\nCookie: a=hunter2; b=c\r\n\r\n{\"password\":\"hunter2\"}",
    r#"headers: {"authorization": "Bearer hunter2", "accept": "*/*"}"#,
    r#"headers: {"cookie": "sid=hunter2; a=b", "x-api-key": "hunter2"}"#,
    r#"headers: {"authorization": b"Bearer hunter2"}"#,
    r#"[("authorization", b"hunter2")]"#,
    r#"Header { name: "authorization", value: "hunter2" }"#,
    "Set-Cookie: sid=hunter2; HttpOnly; Path=/",
    "client_assertion=hunter2&code_verifier=hunter2&SAMLResponse=hunter2",
    "wifi_psk=hunter2",
    "**password:** hunter2",
    "Header { name: \"authorization\", value: [104, 117] } sid=hunter2",
    "https://hunter2@example.org/path",
    "https://x.blob.core.windows.net/c?sv=2020&sig=hunter2%3D&se=1",
    r#"{"body":"user=u&password=hunter2&x=1"}"#,
    r#"{"a":"{\"b\":\"{\\\"password\\\":\\\"hunter2\\\"}\"}"}"#,
    r#"body: b"{\"password\":\"hunter2\"}""#,
    // Spans and fields of `tracing`.
    "login{password=hunter2}:query{n=1}: shop::auth: done",
    r#"INFO login{name="u" password="hunter2"}: shop::auth: done"#,
    "field password=hunter2 user.id=7",
];

const READABLE: &[&str] = &[
    "error returned from database: password authentication failed for user \"app\"",
    "Access denied for user 'app'@'10.0.0.1' (using password: YES)",
    "permanent error (535): 5.7.8 Username and Password not accepted",
    "250-AUTH PLAIN LOGIN XOAUTH2 CRAM-MD5",
    "250 AUTH PLAIN XOAUTH2",
    "http://auth:8080/token/7: 503 Service Unavailable",
    "password=******** user=7",
    "{\"authorization\": None, \"accept\": \"*/*\"}",
    "token: unexpected end of input",
    "invalid token: expected `,` at line 1 column 5",
    "invalid password: too short",
    "auth: permission denied",
    "session: connection closed",
    "pin: invalid digit found in string",
    "missing field `token` at line 1 column 5",
    "unknown field `password`, expected `username` or `email`",
    "Error(\"missing field `token`\", line: 1, column: 20)",
    "expected one of `!`, `.`, `::`, or an operator, found token `x`",
    "unexpected token: `}` at line 3",
    "Unexpected token '<', \"<!DOCTYPE \"... is not valid JSON",
    "bad token at 12:5",
    "failed to verify signature: InvalidSignature",
    "jsonwebtoken error: ExpiredSignature",
    "ServiceError { kind: \"auth\", token: ExpiredToken }",
    "environment variable `JWT_SECRET` not set",
    "JWT_SECRET: NotPresent",
    "ERROR shop::session: save failed",
    "WARN login{n=1}: shop::auth: user 7 has no role",
    "shop::auth::token: nothing left",
    "thread 'main' panicked at src/session.rs:17:5:\nassertion failed: session.is_open()",
    "Poisoned session lock: PoisonError { .. }",
    "session not found: 42",
    "password must be at least 12 characters: got 5",
    "CSRF token mismatch",
    "authorization error: user 7 may not see order 12",
    "Das Passwort ist falsch",
    "Sitzung abgelaufen: bitte neu anmelden",
    "max_tokens=1024 prompt_tokens=12, total tokens: 13",
    "{\"completion_tokens\": 1024, \"total_tokens\": 12}",
    "{\"authorization\": Sensitive, \"accept\": \"*/*\"}",
    "order 12 for card ending 4242",
    "card_last4=4242 brand=visa",
    "at src/token.rs:12: bad",
    "let known = check(token) == (1, 2);",
];
