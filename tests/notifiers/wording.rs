//! The words that all notifiers share.

use tower_monitor::notify::Message;

use crate::support::alerts::{ALL, alert};

#[test]
fn every_alert_has_words_on_lines_that_nobody_can_forge() {
    for name in ALL {
        let message = Message::of(&alert(name));
        assert!(
            !message.title.is_empty() && !message.reference.is_empty(),
            "{name}"
        );
        assert!(
            message.title.len() <= 200 && message.headline.len() <= 300,
            "{name}"
        );
        let values = message.fields.iter().map(|field| &field.value);
        let lines = message.sections.iter().flat_map(|section| &section.lines);
        for text in values
            .chain(lines)
            .chain([&message.title, &message.headline])
        {
            assert!(!text.contains(char::is_control), "{name}: {text:?}");
        }
    }
}

#[test]
fn a_message_gets_shorter_until_only_the_first_words_are_left() {
    for name in ALL {
        let mut message = Message::of(&alert(name));
        let mut length = message.to_string().len() + message.headline.len();
        let mut steps = 0;
        while message.shorten() {
            let shorter = message.to_string().len() + message.headline.len();
            assert!(shorter < length, "{name}: {message}");
            length = shorter;
            steps += 1;
        }
        assert!(
            length < 1_500 && steps < 500,
            "{name}: {length} bytes after {steps} steps"
        );
        assert!(
            message.fields.iter().any(|field| field.name == "how often"),
            "{name}"
        );
    }
}
