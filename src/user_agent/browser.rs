//! Which browser, or which app with a browser inside.

use super::Product;
use super::words::{Word, words};

/// The browser that the agent names, of several names the most particular one, and the engine it is built on.
pub(super) fn of(agent: &str) -> (Option<Product>, Option<Product>) {
    let mut best: Option<(usize, Option<&str>)> = None;
    let mut engine = Engine::default();
    for word in words(agent) {
        engine.note(word);
        if let Some(rank) = rank(word.name)
            && best.is_none_or(|(other, known)| rank < other || rank == other && known.is_none())
        {
            best = Some((rank, word.version));
        }
    }
    let Some((rank, found)) = best else {
        return (engine.browser(agent), None);
    };
    let browser = match BROWSERS[rank].1 {
        "Facebook" if engine.messenger => Product::new("Facebook Messenger", found),
        "TikTok" => Product::new(
            "TikTok",
            engine.app_version.or_else(|| tiktok_version(agent)),
        ),
        "Twitter" => Product::new("Twitter", found.or(engine.app_version)),
        name => Product::new(name, found),
    };
    (Some(browser), engine.browser(agent))
}

/// What an agent says beside its particular name, and what decides when it has none.
///
/// The engine is of more use than the app when a page fails in an app's own browser.
#[derive(Default)]
struct Engine<'a> {
    chrome: Option<&'a str>,
    chromium: bool,
    electron: Option<&'a str>,
    webkit: bool,
    safari: bool,
    messenger: bool,
    version: Option<&'a str>,
    app_version: Option<&'a str>,
}

impl<'a> Engine<'a> {
    fn note(&mut self, word: Word<'a>) {
        match word.name {
            "Chrome" => self.chrome = self.chrome.or(word.version),
            "Chromium" => {
                self.chromium = true;
                self.chrome = self.chrome.or(word.version);
            }
            "AppleWebKit" => self.webkit = true,
            "Safari" => self.safari = true,
            "Version" => self.version = self.version.or(word.version),
            "Electron" => self.electron = word.version,
            // TikTok's `app_version/38.8.3`, Twitter's `Twitter for iPhone/10.29`.
            "app_version" | "iPhone" | "iPad" => {
                self.app_version = self.app_version.or(word.version)
            }
            "FBAN" | "FB_IAB" => self.messenger = word.version.is_some_and(is_messenger),
            _ => {}
        }
    }

    fn browser(&self, agent: &str) -> Option<Product> {
        let android = agent.contains("Android");
        let apple = ["iPhone", "iPad", "iPod"]
            .iter()
            .any(|device| agent.contains(device));
        if self.electron.is_some() {
            return Some(Product::new("Electron", self.electron));
        }
        if self.chrome.is_some() {
            let name = if self.chromium {
                "Chromium"
            } else if android && (agent.contains("; wv)") || self.version.is_some()) {
                "Android WebView"
            } else {
                "Chrome"
            };
            return Some(Product::new(name, self.chrome));
        }
        if self.safari && self.version.is_some() {
            let name = if android { "Android Browser" } else { "Safari" };
            return Some(Product::new(name, self.version));
        }
        if self.webkit && apple {
            return Some(Product::new("iOS WebView", None));
        }
        explorer(agent)
    }
}

/// `trill_350402` and `musical_ly_33.8.0` carry the version in the name; only the second one legibly.
fn tiktok_version(agent: &str) -> Option<&str> {
    let behind = agent.split_once("musical_ly_")?.1;
    Some(behind.split(' ').next().unwrap_or(behind))
}

fn explorer(agent: &str) -> Option<Product> {
    if let Some((_, version)) = agent.split_once("MSIE ") {
        return Some(Product::new("Internet Explorer", Some(version)));
    }
    let (_, version) = agent
        .split_once("Trident/")
        .and_then(|(_, rest)| rest.split_once("rv:"))?;
    Some(Product::new("Internet Explorer", Some(version)))
}

fn is_messenger(app: &str) -> bool {
    ["Messenger", "MESSENGER", "Orca"]
        .iter()
        .any(|name| app.starts_with(name))
}

fn rank(name: &str) -> Option<usize> {
    if name.starts_with("musical_ly_") || name.starts_with("trill_") {
        return Some(TIKTOK);
    }
    BROWSERS.iter().position(|(token, _)| *token == name)
}

/// The places in [`BROWSERS`] that names with a version inside lead to.
const TIKTOK: usize = 1;

/// The product's token and our name for it. What stands first wins: apps before the browsers they embed, and those before the
/// engines they are built on. The tokens are those of the vendors' documents and of `uap-core`'s patterns.
const BROWSERS: &[(&str, &str)] = &[
    ("FBAV", "Facebook"),
    ("BytedanceWebview", "TikTok"),
    ("Instagram", "Instagram"),
    ("Barcelona", "Threads"),
    ("Line", "LINE"),
    ("MicroMessenger", "WeChat"),
    ("WhatsApp", "WhatsApp"),
    ("Snapchat", "Snapchat"),
    ("Pinterest", "Pinterest"),
    ("LinkedInApp", "LinkedIn"),
    ("Twitter", "Twitter"),
    ("TwitterAndroid", "Twitter"),
    ("KAKAOTALK", "KakaoTalk"),
    ("NAVER", "NAVER"),
    ("GSA", "Google app"),
    ("Slack_SSB", "Slack"),
    ("Slack", "Slack"),
    ("Teams", "Microsoft Teams"),
    ("Code", "Visual Studio Code"),
    ("discord", "Discord"),
    ("obsidian", "Obsidian"),
    ("Postman", "Postman"),
    ("Whale", "Whale"),
    ("SamsungBrowser", "Samsung Internet"),
    ("EdgA", "Edge"),
    ("EdgiOS", "Edge"),
    ("Edg", "Edge"),
    ("Edge", "Edge"),
    ("OPR", "Opera"),
    ("OPT", "Opera Touch"),
    ("OPX", "Opera GX"),
    ("OPiOS", "Opera Mini"),
    ("Mini", "Opera Mini"),
    ("Opera", "Opera"),
    ("Vivaldi", "Vivaldi"),
    ("Brave", "Brave"),
    ("YaBrowser", "Yandex Browser"),
    ("YaApp_iOS", "Yandex app"),
    ("DuckDuckGo", "DuckDuckGo"),
    ("Ddg", "DuckDuckGo"),
    ("UCBrowser", "UC Browser"),
    ("UBrowser", "UC Browser"),
    ("Quark", "Quark"),
    ("HuaweiBrowser", "Huawei Browser"),
    ("MiuiBrowser", "MIUI Browser"),
    ("HeyTapBrowser", "HeyTap Browser"),
    ("VivoBrowser", "Vivo Browser"),
    ("MQQBrowser", "QQ Browser"),
    ("QQBrowser", "QQ Browser"),
    ("baiduboxapp", "Baidu app"),
    ("Puffin", "Puffin"),
    ("Silk", "Silk"),
    ("Ecosia", "Ecosia"),
    ("coc_coc_browser", "Coc Coc"),
    ("Falkon", "Falkon"),
    ("Epiphany", "GNOME Web"),
    ("SeaMonkey", "SeaMonkey"),
    ("PaleMoon", "Pale Moon"),
    ("Waterfox", "Waterfox"),
    ("Thunderbird", "Thunderbird"),
    ("Klar", "Firefox Focus"),
    ("Focus", "Firefox Focus"),
    ("FxiOS", "Firefox"),
    ("CriOS", "Chrome"),
    ("Firefox", "Firefox"),
];
