//! The judge: `ua-parser` with `uap-core`'s patterns reads the same agent strings, and every disagreement is known.

use std::collections::BTreeSet;
use std::path::Path;

use super::*;
use crate::skipped::skipped;

/// What the judge calls otherwise: its family, and our name. Phones are a device with us, not a browser of their own.
const SAME: &[(&str, &str)] = &[
    ("Amazon Silk", "Silk"),
    ("Chrome Mobile", "Chrome"),
    ("Chrome Mobile WebView", "Android WebView"),
    ("Chrome Mobile iOS", "Chrome"),
    ("DuckDuckGo Mobile", "DuckDuckGo"),
    ("Edge Mobile", "Edge"),
    ("Epiphany", "GNOME Web"),
    ("FacebookBot", "facebookexternalhit"),
    ("Firefox Mobile", "Firefox"),
    ("Firefox iOS", "Firefox"),
    ("GmailImageProxy", "GoogleImageProxy"),
    ("Google", "Google app"),
    ("IE", "Internet Explorer"),
    ("MiuiBrowser", "MIUI Browser"),
    ("Mobile Safari", "Safari"),
    ("Mobile Safari UI/WKWebView", "iOS WebView"),
    ("Opera Mobile", "Opera"),
    ("Python Requests", "python-requests"),
    ("Python aiohttp", "aiohttp"),
    ("QQ Browser Mobile", "QQ Browser"),
    ("Slack Desktop Client", "Slack"),
];

const SAME_SYSTEM: &[(&str, &str)] = &[
    ("Chrome OS", "ChromeOS"),
    ("Mac OS X", "macOS"),
    ("Web0S", "webOS"),
    ("Windows", "Xbox"),
    ("iOS", "iPadOS"),
];

/// Where the judge knows the engine only, and we the app or browser as well: its family and version are our `engine`.
const FINER: &[&str] = &[
    "Brave",
    "Discord",
    "DuckDuckGo",
    "HeyTap Browser",
    "Huawei Browser",
    "KakaoTalk",
    "LinkedIn",
    "MobileSafari",
    "NAVER",
    "Obsidian",
    "Opera Touch",
    "TikTok",
    "Visual Studio Code",
    "Vivo Browser",
    "WeChat",
    "com.apple.WebKit.Networking",
];

/// Where we differ, by a part of the agent string that no other line has, and who is right.
const KNOWN: &[(&str, &str)] = &[
    ("FB_IAB/Orca-Android", "we are: Orca is Messenger"),
    (
        "Dalvik/2.1.0",
        "neither: Android's runtime names no app; that is our `os`",
    ),
    (
        "85.0.4183.93/6.5 TV",
        "we are: it is no Safari, and names no browser",
    ),
    (
        "94.0.4606.31/7.0 TV",
        "we are: it is no Safari, and names no browser",
    ),
    (
        "PlayStation 4 11.00",
        "we are: the console has no Apple Mail",
    ),
    ("coccocbot-web/1.0", "we are: the version is there"),
    (
        "ChatGPT-User/1.0",
        "we are: the judge takes a piece of the address",
    ),
    (
        "meta-externalagent/1.1",
        "we are: the judge takes a piece of the address",
    ),
    (
        "Pingdom.com_bot_version_1.4",
        "the judge is: it finds the version inside of the word",
    ),
    (
        "Chrome-Lighthouse",
        "we are: it is a measurement, and no phone",
    ),
];

fn corpus() -> impl Iterator<Item = &'static str> {
    include_str!("../../tests/corpora/user_agents.txt")
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
}

fn same(judged: &str, ours: &str) -> bool {
    judged.eq_ignore_ascii_case(ours) || SAME.contains(&(judged, ours))
}

fn patterns() -> Option<String> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/judges/node_modules/uap-core/regexes.json");
    if !file.is_file() {
        skipped("uap-core", "its patterns are not there: run .ci/judges");
        return None;
    }
    Some(std::fs::read_to_string(&file).unwrap())
}

#[test]
fn the_judge_agrees_on_family_and_major_version_of_the_corpus() {
    let Some(patterns) = patterns() else { return };
    let patterns: ua_parser::Regexes<'_> = serde_json::from_str(&patterns).unwrap();
    let builder = ua_parser::user_agent::Builder::new();
    let judge = builder
        .push_all(patterns.user_agent_parsers)
        .unwrap()
        .build()
        .unwrap();

    let (mut silent, mut agreed, mut finer, mut unexpected) = (0, 0, 0, Vec::new());
    let mut seen = BTreeSet::new();
    for agent in corpus() {
        let ours = UserAgent::parse(Some(agent), &ClientHints::default()).unwrap_or_default();
        let ours = (names(ours.browser.as_ref()), names(ours.engine.as_ref()));
        let Some(judged) = judge.extract(agent) else {
            println!("silent, ours {:?} | {agent}", ours.0);
            silent += 1;
            continue;
        };
        let agrees = |(name, major): (&str, Option<&str>)| {
            same(&judged.family, name) && judged.major == major
        };
        let line = format!(
            "{} {:?}, ours {ours:?} | {agent}",
            judged.family, judged.major
        );
        if agrees(ours.0) {
            agreed += 1;
        } else if agrees(ours.1) && FINER.contains(&ours.0.0) {
            println!("finer: {line}");
            finer += 1;
        } else if let Some(known) = KNOWN.iter().find(|(part, _)| agent.contains(part)) {
            println!("known: {}: {line}", known.1);
            assert!(seen.insert(known.0), "`{}` stands for two lines", known.0);
        } else {
            unexpected.push(line);
        }
    }
    let judged = agreed + finer + seen.len() + unexpected.len();
    println!(
        "{judged} judged, {silent} beyond the judge: {agreed} agree by the browser, {finer} by the engine, {} differ",
        seen.len() + unexpected.len()
    );
    assert!(unexpected.is_empty(), "{unexpected:#?}");
    let stale: Vec<_> = KNOWN
        .iter()
        .filter(|(part, _)| !seen.contains(part))
        .collect();
    assert!(stale.is_empty(), "no disagreement any more: {stale:?}");
    assert!(judged >= 200 && (agreed + finer) * 100 >= judged * 97);
}

#[test]
fn the_judge_agrees_on_the_system_and_on_every_version_of_it_that_we_tell() {
    let Some(patterns) = patterns() else { return };
    let patterns: ua_parser::Regexes<'_> = serde_json::from_str(&patterns).unwrap();
    let judge = ua_parser::os::Builder::new()
        .push_all(patterns.os_parsers)
        .unwrap()
        .build()
        .unwrap();
    let mut judged = 0;
    for agent in corpus() {
        let ours = UserAgent::parse(Some(agent), &ClientHints::default()).unwrap_or_default();
        let (Some(judgement), Some(os)) = (judge.extract(agent), ours.os) else {
            continue;
        };
        let family = judgement.os == os.name || SAME_SYSTEM.contains(&(&*judgement.os, &*os.name));
        // Ours is `10/11`, and nothing where the judge takes a frozen number for true.
        let major = os.version.is_none() || judgement.major.as_deref() == os.major();
        assert!(
            family && major,
            "{} {:?}, ours {os} | {agent}",
            judgement.os,
            judgement.major
        );
        judged += 1;
    }
    println!("{judged} systems judged");
    assert!(judged >= 200);
}

fn names(product: Option<&Product>) -> (&str, Option<&str>) {
    product.map_or(("", None), |product| (&*product.name, product.major()))
}
