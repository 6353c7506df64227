//! Secrets of every kind, in every surrounding that was thought of.

use super::clean;

#[test]
fn a_value_goes_with_its_name_and_the_rest_stays() {
    for (text, expected) in [
        (
            "login failed: password=hunter2, user=7",
            "login failed: password=[redacted], user=7",
        ),
        ("password=hunter2,user=7", "password=[redacted],user=7"),
        ("password=hun,ter2 user=7", "password=[redacted] user=7"),
        ("password=p&ss&user=7", "password=[redacted]&user=7"),
        ("password = hunter2", "password = [redacted]"),
        ("password => hunter2", "password => [redacted]"),
        ("password := \"hunter2\"", "password := \"[redacted]\""),
        ("api key: abc", "api key: [redacted]"),
        ("card number: 12", "card number: [redacted]"),
        (
            "the card declined: insufficient_funds",
            "the card declined: insufficient_funds",
        ),
        (
            r#"{"user":"uma","password":"hun\"ter2","n":1}"#,
            r#"{"user":"uma","password":"[redacted]","n":1}"#,
        ),
        (r#"{"pin": 1234, "n": 1}"#, r#"{"pin": [redacted], "n": 1}"#),
        (r#"{"api_key":"abcdef"#, r#"{"api_key":"[redacted]"#),
        (
            r#"{"body":"{\"password\":\"hun\\\"ter2\",\"n\":1}"}"#,
            r#"{"body":"{\"password\":\"[redacted]\",\"n\":1}"}"#,
        ),
        (
            r#"{"body":"{\"password\":\"hunter2"#,
            r#"{"body":"{\"password\":\"[redacted]"#,
        ),
        (
            r#"{"credentials":{"user":"u","x":"}"},"n":1}"#,
            r#"{"credentials":[redacted],"n":1}"#,
        ),
        (
            r#"{"s":"{\"secret\":{\"x\":\"a}b\"},\"n\":1}"}"#,
            r#"{"s":"{\"secret\":[redacted],\"n\":1}"}"#,
        ),
        (
            r#"{"tokens":["a","b"],"n":1}"#,
            r#"{"tokens":[redacted],"n":1}"#,
        ),
        (
            r#"{"name":"password","value":"x"}"#,
            r#"{"name":"password","value":"[redacted]"}"#,
        ),
        (
            r#"<input name="password" value="x y">"#,
            r#"<input name="password" value="[redacted]">"#,
        ),
        (
            "<password>hunter 2</password>",
            "<password>[redacted]</password>",
        ),
        (
            r#"{\"h\":\"Cookie: a=1; b=2\",\"n\":1}"#,
            r#"{\"h\":\"Cookie: [redacted]\",\"n\":1}"#,
        ),
        (
            "<u><a:pin>1</a:pin><token>x y",
            "<u><a:pin>[redacted]</a:pin><token>[redacted]",
        ),
        (
            "Login { password: Some(\"x y\"), n: 1 }",
            "Login { password: Some(\"[redacted]\"), n: 1 }",
        ),
        (
            "Login { password: Secret(\"x y\"), n: 1 }",
            "Login { password: [redacted], n: 1 }",
        ),
        (
            "Login { secret: Secret { inner: \"x\" }, n: 1 }",
            "Login { secret: [redacted], n: 1 }",
        ),
        (
            "Login { token: None, pin: Some(12) }",
            "Login { token: None, pin: Some([redacted]) }",
        ),
        (
            "Header(\"authorization\", \"Bearer x\")",
            "Header(\"authorization\", \"[redacted]\")",
        ),
        (
            "[(\"x-api-key\", \"x\"), (\"accept\", \"y\")]",
            "[(\"x-api-key\", \"[redacted]\"), (\"accept\", \"y\")]",
        ),
        (
            "{\"authorization\": \"Basic eDp5\", \"accept\": \"*/*\"}",
            "{\"authorization\": \"[redacted]\", \"accept\": \"*/*\"}",
        ),
        (
            "Authorization: Digest a=\"1\", b=2\nnext",
            "Authorization: [redacted]\nnext",
        ),
        (
            "GET / HTTP/1.1\r\nCookie: a=1; b=2\r\nHost: x",
            "GET / HTTP/1.1\r\nCookie: [redacted]\r\nHost: x",
        ),
        (
            r#""GET /\r\nCookie: a=1; b=2\r\nHost: x""#,
            r#""GET /\r\nCookie: [redacted]\r\nHost: x""#,
        ),
        (
            "a\nX-Api-Key: a b c\nHost: x",
            "a\nX-Api-Key: [redacted]\nHost: x",
        ),
        (
            "curl -H 'Authorization: Bearer x' http://h",
            "curl -H 'Authorization: [redacted]' http://h",
        ),
        ("passphrase: correct horse staple", "passphrase: [redacted]"),
        ("auth: Bearer x, n: 1", "auth: [redacted], n: 1"),
        (
            "theme=dark; session=abc; lang=de",
            "theme=dark; session=[redacted]; lang=de",
        ),
        (
            "Server=db;User Id=sa;Password=p@ss word;Encrypt=no",
            "Server=db;User Id=sa;Password=[redacted] word;Encrypt=no",
        ),
        (
            "Server=db;Password=hunter2;Encrypt=no",
            "Server=db;Password=[redacted];Encrypt=no",
        ),
        (
            "AccountKey=ab+c/d==;EndpointSuffix=x",
            "AccountKey=[redacted];EndpointSuffix=x",
        ),
        (
            "tool --password x --user y",
            "tool --password [redacted] --user y",
        ),
        (
            "tool --token=x --verbose",
            "tool --token=[redacted] --verbose",
        ),
        (
            "curl -u uma:hunter2 http://h",
            "curl -u [redacted] http://h",
        ),
        (
            "curl --user 'uma:hunter2' http://h",
            "curl --user '[redacted]' http://h",
        ),
        (
            "$_POST['password'] = 'x';",
            "$_POST['password'] = '[redacted]';",
        ),
        (
            "q=%7B%22password%22%3A%22x%22%7D&n=1",
            "q=%7B%22password%22%3A%22[redacted]%22%7D&n=1",
        ),
        (
            "q=%257B%2522token%2522%253A%2522x%2522&n=1",
            "q=%257B%2522token%2522%253A%2522[redacted]%2522&n=1",
        ),
        (
            "{&quot;token&quot;:&quot;x y&quot;,",
            "{&quot;token&quot;:&quot;[redacted]&quot;,",
        ),
        (r"token\u003dx\u0026n", r"token\u003d[redacted]"),
        (r#"msg="a\nsid=abc""#, r#"msg="a\nsid=[redacted]""#),
        ("/reset;token=S3cret", "/reset;token=[redacted]"),
        ("password=hunter2", "password=[redacted]"),
        ("password='it''s' n", "password='[redacted]' n"),
        ("token::Kind, session::open", "token::Kind, session::open"),
        ("password=[redacted]hunter2 x", "password=[redacted] x"),
        ("password= n=1", "password= [redacted]"),
        ("user.password=x", "user.password=[redacted]"),
        ("пароль password=тест x", "пароль password=[redacted] x"),
    ] {
        assert_eq!(clean(text), expected, "of {text}");
    }
}

/// Each is made of pieces, so that no scanner takes this file for a leak.
fn values() -> Vec<String> {
    let letters = "aB3dE5fG7hI9jK1lM2nO3pQ4rS5tU6vW7xY8z";
    let hex = "0f1e2d3c4b5a69788796a5b4c3d2e1f0";
    let mut values: Vec<String> = [
        ("AK", "IAIOSFODNN7EXAMPLE"),
        ("AI", "zaSyD-EXAMPLE-0123456789"),
        ("gh", "p_0123456789abcdefABCDEF"),
        ("github", "_pat_11ABCDEFG0abcdefghij"),
        ("gl", "pat-0123456789abcdefghij"),
        ("np", "m_0123456789abcdefghij"),
        ("py", "pi-AgEIcHlwaS5vcmc"),
        ("xox", "b-123456789012-abcdefghij"),
        ("xox", "p-1234567890-abc"),
        ("sk", "_live_0123456789abcdef"),
        ("sk", "-0123456789abcdefghijklm"),
        ("sk", "-ant-api03-0123456789abcdef"),
        ("sk", "-proj-abcdefghijklmnopqrst"),
        ("wh", "sec_0123456789abcdef"),
        ("dop", "_v1_0123456789abcdef"),
        ("shp", "at_0123456789abcdef"),
        ("lin", "_api_0123456789abcdef"),
        ("AGE-SECRET", "-KEY-1QQQQQQQQQQQQQQQQ"),
        ("hv", "s.CAESIJ0123456789"),
        ("ya", "29.a0AfH6SMB0123456789"),
        ("S", "G.0123456789abcdef.0123456789"),
    ]
    .iter()
    .map(|(first, rest)| format!("{first}{rest}"))
    .collect();
    values.extend([
        format!("SK{hex}"),
        format!("key-{hex}"),
        format!("{hex}{hex}"),
        letters.to_owned(),
        format!("{}/{}+abc1==", &letters[..14], &letters[4..30]),
        format!(
            "ey{}.{}.{}",
            "JhbGciOiJIUzI1NiJ9", "eyJzdWIiOiIxIn0", "SflKxwRJSMeKKF2QT4"
        ),
        format!("ey{}", "JhbGciOiJIUzI1NiJ9"),
        "4111111111111111".to_owned(),
        "4111 1111 1111 1111".to_owned(),
        "5555-5555-5555-4444".to_owned(),
        "3782 822463 10005".to_owned(),
        "$2b$12$abcdefghijklmnopqrstuv".to_owned(),
        "$argon2id$v=19$m=19456,t=2$c29tZXNhbHQ$aGFzaA".to_owned(),
        "Basic dXNlcjpwYXNz".to_owned(),
    ]);
    values
}

#[test]
fn a_value_that_gives_itself_away_goes_wherever_it_stands() {
    for value in values() {
        for around in [
            "{}",
            "found {} there",
            "x={}",
            "x: {}",
            "\"{}\"",
            "'{}'",
            "({})",
            "[{}]",
            "<b>{}</b>",
            "{\"x\":\"{}\"}",
            "{\\\"x\\\":\\\"{}\\\"}",
            "a,{},b",
            "a;{};b",
            "?x={}&y=1",
            "a\n{}\nb",
            "a\\n{}\\nb",
            "über {} straße",
            "x%22{}%22",
            "#{}",
            "{}.",
            "{}, and",
            "key={}",
            "https://h/{}",
            "a|{}|b",
            "`{}`",
            "x={} y",
            "…{}…",
        ] {
            // A pair of braces in quotation marks stands for the value, where others are part of the text.
            let place = if around.contains("\"{}\"") {
                "\"{}\""
            } else {
                "{}"
            };
            let text = around.replace(place, &place.replace("{}", &value));
            let secret = value.strip_prefix("Basic ").unwrap_or(&value);
            let result = clean(&text);
            assert!(!result.contains(secret), "{value} in {text} is {result}");
            assert!(result.contains("[redacted]"), "{result}");
            assert_eq!(clean(&result), result);
        }
    }
}

#[test]
fn values_go_and_what_is_around_them_stays() {
    let begin = "-----BEGIN RSA PRIVATE ";
    for (text, expected) in [
        (
            "postgres://app:hunter2@db/shop failed",
            "postgres://[redacted]@db/shop failed",
        ),
        ("redis://:hunter2@h:6379/0", "redis://[redacted]@h:6379/0"),
        (
            "mongodb+srv://u:p%40ss@h/x?y=1",
            "mongodb+srv://[redacted]@h/x?y=1",
        ),
        ("amqp://u:p/s#s@h/v failed", "amqp://[redacted]@h/v failed"),
        ("postgres://app:hunter2", "postgres://[redacted]"),
        (
            "http://127.0.0.1:8080 and http://[::1]:80/a@b",
            "http://127.0.0.1:8080 and http://[::1]:80/a@b",
        ),
        ("sent Bearer abcdefgh12345", "sent Bearer [redacted]"),
        ("Basic dXNlcjpwYXNz, then", "Basic [redacted], then"),
        ("a bearer of news", "a bearer of news"),
        (
            "Bearer authentication failed",
            "Bearer authentication failed",
        ),
        (
            "basic authentication required",
            "basic authentication required",
        ),
        (
            "card 4111 1111 1111 1111 refused",
            "card [redacted] refused",
        ),
        (
            "on 2026-01-01 4111 1111 1111 1111",
            "on 2026-01-01 [redacted]",
        ),
        (
            "order 4111111111111112 refused",
            "order 4111111111111112 refused",
        ),
        (
            "https://hooks.slack.com/services/T0/B0/xyz failed",
            "https://hooks.slack.com/services/[redacted] failed",
        ),
        (
            "https://discord.com/api/webhooks/1/abc: 404",
            "https://discord.com/api/webhooks/[redacted] 404",
        ),
        // A password with everything in it that could end it.
        (
            "postgres://app:hu/n?t@er2@db/x",
            "postgres://[redacted]@db/x",
        ),
        (
            "https://api.telegram.org/bot12:AAbc/send",
            "https://api.telegram.org/bot[redacted]",
        ),
    ] {
        assert_eq!(clean(text), expected, "of {text}");
    }
    for (block, rest) in [
        (
            format!("{begin}KEY-----\nMIIE\nabc=\n-----END RSA PRIVATE KEY-----"),
            "",
        ),
        (
            format!("{begin}KEY-----\\nMIIE\\n-----END RSA PRIVATE KEY-----"),
            "\\nnext",
        ),
        (format!("{begin}KEY-----\nMIIE and cut"), ""),
    ] {
        assert_eq!(
            clean(&format!("key: x\n{block}{rest}")),
            format!("key: x\n[redacted]{rest}")
        );
    }
    let public = "-----BEGIN CERTIFICATE-----\nabc\n-----END CERTIFICATE-----";
    assert_eq!(clean(public), public);
}
