//! Shows each alert on the terminal as it comes.

use tower_monitor::notify::Message;
use tower_monitor::{Alert, Notifier, NotifyError};

/// The shop's notifier: a person who looks at the terminal.
pub(crate) struct Terminal;

impl Notifier for Terminal {
    fn name(&self) -> &str {
        "terminal"
    }

    async fn notify(&self, alert: &Alert) -> Result<(), NotifyError> {
        // One call: what other threads print stays above or below.
        println!("{}", framed(&Message::of(alert)));
        Ok(())
    }
}

fn framed(message: &Message) -> String {
    let mut text = format!("┏━ ALERT ━ {}\n", message.title);
    for field in &message.fields {
        text += &format!("┃ {:>WIDTH$}  {}\n", field.name, field.value);
    }
    for section in &message.sections {
        let names = std::iter::once(section.name).chain(std::iter::repeat(""));
        for (name, line) in names.zip(&section.lines) {
            text += &format!("┃ {name:>WIDTH$}  {line}\n");
        }
    }
    text + "┗━\n"
}

/// `request id` is the longest name.
const WIDTH: usize = 10;
