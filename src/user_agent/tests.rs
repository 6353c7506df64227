//! What exactly is read out of an agent string and its hints, and that nothing hostile comes through.

use proptest::prelude::*;

use super::*;

fn read(agent: &str) -> UserAgent {
    UserAgent::parse(Some(agent), &ClientHints::default()).unwrap_or_default()
}

fn with(agent: &str, headers: &[(&str, &'static str)]) -> UserAgent {
    let header = |name: &'static str| {
        headers
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, value)| *value)
    };
    UserAgent::parse(Some(agent), &ClientHints::take(header)).unwrap()
}

const WINDOWS: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/148.0.0.0 Safari/537.36";
const ANDROID: &str = "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/148.0.0.0 Mobile Safari/537.36";

#[test]
fn agents_are_shown_in_a_few_words() {
    let table = include_str!("../../tests/corpora/user_agents_shown.txt");
    let mut lines = table
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'));
    let mut count = 0;
    while let (Some(shown), Some(agent)) = (lines.next(), lines.next()) {
        assert_eq!(read(agent).to_string(), shown, "{agent}");
        count += 1;
    }
    assert!(count >= 50);
}

#[test]
fn an_apps_own_browser_is_told_with_its_engine() {
    let tiktok = read(
        "Mozilla/5.0 (Linux; Android 12; SM-A315G Build/SP1A.210812.016; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 \
         Chrome/132.0.6834.166 Mobile Safari/537.36 trill_380803 JsSdk/1.0 AppName/trill app_version/38.8.3 BytedanceWebview/d8a21c6",
    );
    assert_eq!(
        serde_json::to_value(&tiktok).unwrap(),
        serde_json::json!({
            "browser": {"name": "TikTok", "version": "38.8.3"},
            "engine": {"name": "Android WebView", "version": "132.0.6834.166"},
            "os": {"name": "Android", "version": "12"},
            "device": "mobile",
            "model": "SM-A315G",
        })
    );
}

#[test]
fn hints_tell_windows_11_and_the_full_version() {
    let chrome = with(
        WINDOWS,
        &[
            (
                "sec-ch-ua",
                r#""Not/A)Brand";v="8", "Chromium";v="148", "Google Chrome";v="148""#,
            ),
            (
                "sec-ch-ua-full-version-list",
                r#""Not/A)Brand";v="8.0.0.0", "Chromium";v="148.0.7700.12", "Google Chrome";v="148.0.7700.12""#,
            ),
            ("sec-ch-ua-platform", r#""Windows""#),
            ("sec-ch-ua-platform-version", r#""15.0.0""#),
            ("sec-ch-ua-mobile", "?0"),
            ("sec-ch-ua-model", r#""""#),
            ("sec-ch-ua-arch", r#""x86""#),
        ],
    );
    assert_eq!(chrome.to_string(), "Chrome 148 on Windows 11 (desktop)");
    assert_eq!(chrome.browser.unwrap().version.unwrap(), "148.0.7700.12");
    assert_eq!(
        (chrome.architecture.as_deref(), chrome.model),
        (Some("x86"), None)
    );
    for (version, name) in [
        (r#""10.0.0""#, "10"),
        (r#""0.3.0""#, "8.1"),
        (r#""13.0.0""#, "11"),
        (r#""""#, "10/11"),
        ("x", "10/11"),
    ] {
        let chrome = with(
            WINDOWS,
            &[
                ("sec-ch-ua-platform", "\"Windows\""),
                ("sec-ch-ua-platform-version", version),
            ],
        );
        assert_eq!(chrome.os.unwrap().version.unwrap(), name);
    }
}

#[test]
fn hints_tell_the_android_version_and_the_model() {
    let pixel = with(
        ANDROID,
        &[
            ("sec-ch-ua-platform", r#""Android""#),
            ("sec-ch-ua-platform-version", r#""16.0.0""#),
            ("sec-ch-ua-mobile", "?1"),
            ("sec-ch-ua-model", r#""Pixel 9 \"Pro\"""#),
        ],
    );
    assert_eq!(
        pixel.to_string(),
        "Chrome 148 on Android 16.0.0 (Pixel 9 \"Pro\", mobile)"
    );
}

#[test]
fn a_brand_is_believed_over_the_chrome_it_dresses_as_but_not_over_an_app() {
    let brave = with(
        WINDOWS,
        &[(
            "sec-ch-ua",
            r#""Chromium";v="146", "Not-A.Brand";v="24", "Brave";v="146""#,
        )],
    );
    assert_eq!(brave.to_string(), "Brave 146 on Windows 10/11 (desktop)");
    assert_eq!(brave.engine.unwrap().to_string(), "Chrome 148.0.0.0");
    let headless = with(
        WINDOWS,
        &[(
            "sec-ch-ua",
            r#""HeadlessChrome";v="146", "Not-A.Brand";v="24""#,
        )],
    );
    assert_eq!(headless.device, Device::Bot);
    let app = format!("{ANDROID} [FB_IAB/FB4A;FBAV/440.0.0.29.106;]");
    let facebook = with(
        &app,
        &[(
            "sec-ch-ua",
            r#""Android WebView";v="148", "Chromium";v="148""#,
        )],
    );
    assert_eq!(facebook.to_string(), "Facebook 440 on Android (mobile)");
}

#[test]
fn hints_alone_are_enough_and_broken_ones_do_no_harm() {
    let hints = ClientHints {
        brands: Some(r#""Google Chrome";v="148""#),
        platform: Some("\"macOS\""),
        ..ClientHints::default()
    };
    let chrome = UserAgent::parse(None, &hints).unwrap();
    assert_eq!(chrome.to_string(), "Chrome 148 on macOS (desktop)");
    for broken in [
        r#""Google Chrome"#,
        r#"";v=;;,"#,
        "\"",
        "\"a\\",
        "\"Google Chrome\";v=\"",
        ",,,;",
        "\"Not A;Brand\";v=\"99\"",
    ] {
        let chrome = with(
            WINDOWS,
            &[("sec-ch-ua", broken), ("sec-ch-ua-platform", "\"")],
        );
        assert_eq!(
            chrome.to_string(),
            "Chrome 148 on Windows 10/11 (desktop)",
            "{broken}"
        );
    }
}

#[test]
fn nothing_known_is_nothing() {
    for agent in ["", "   ", "-", "Mozilla/5.0", "()", "/", "\u{202e}"] {
        assert_eq!(
            UserAgent::parse(Some(agent), &ClientHints::default()),
            None,
            "{agent:?}"
        );
    }
    assert_eq!(UserAgent::parse(None, &ClientHints::default()), None);
}

fn is_safe(found: &UserAgent) -> bool {
    let products = [&found.browser, &found.engine, &found.os];
    let names = products
        .into_iter()
        .flatten()
        .map(|product| (&*product.name, MAX_NAME));
    let versions = products
        .into_iter()
        .flatten()
        .filter_map(|product| product.version.as_deref());
    let rest = [&found.model, &found.architecture].into_iter().flatten();
    names
        .chain(versions.map(|version| (version, MAX_VERSION)))
        .chain(rest.map(|text| (text.as_str(), MAX_NAME)))
        .all(|(text, max)| text.len() <= max && !text.contains(text::is_forging))
}

#[test]
fn a_hostile_string_comes_out_short_and_on_one_line() {
    let huge = "9".repeat(10_000);
    for agent in [
        format!("evil\u{1b}[31m\r\nGET/{huge}"),
        format!("Mozilla/5.0 (Linux; Android {huge}; \u{202e}model{huge}"),
        format!("Mozilla/5.0 Chrome/{huge}"),
        format!("{}bot/{huge}", "ä".repeat(200)),
        "(".repeat(5_000),
        "bot ".repeat(2_000),
    ] {
        let found = read(&agent);
        assert!(is_safe(&found), "{found:?}");
    }
}

proptest! {
    #[test]
    fn whatever_is_sent_comes_out_bounded(
        agent in prop_oneof![any::<String>(), "(Mozilla/5.0|Opera) \\((Linux; Android|iPhone; CPU iPhone OS|Windows NT|PlayStation)[ -~äß\u{202e}]{0,80}"],
        brands in any::<String>(),
        list in "(\"[ -~ä]{0,8}\";v=\"?[0-9.]{0,9}\"?,? ?){0,6}",
        version in "\"?\\PC{0,50}",
    ) {
        let hints = ClientHints {
            brands: Some(&brands),
            full_version_list: (!list.is_empty()).then_some(&list),
            platform: Some(&version),
            platform_version: Some(&version),
            model: Some(&brands),
            architecture: Some(&agent),
            mobile: Some("?1"),
        };
        for hints in [ClientHints::default(), hints] {
            let found = UserAgent::parse(Some(&agent), &hints).unwrap_or_default();
            prop_assert!(is_safe(&found), "{found:?}");
        }
    }
}
