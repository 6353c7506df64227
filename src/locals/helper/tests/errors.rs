//! Errors, which hold their thread for less time than panics.

use super::*;

/// Knows its way after it was asked once. Answers with the thread that it runs on and until when somebody waits.
struct Learning {
    knows: bool,
    gate: Option<mpsc::Receiver<()>>,
}

impl Decode for Learning {
    type Answer = (String, Instant);

    fn decode(&mut self, held: &Held<'_>, _: &mut dyn Memory) -> Self::Answer {
        if let Some(gate) = &self.gate {
            gate.recv().unwrap();
        }
        self.knows = true;
        let thread = thread::current().name().unwrap_or_default().to_owned();
        (thread, held.until)
    }

    fn knows(&self, _: &Call) -> Option<(usize, bool)> {
        self.knows.then_some((0, false))
    }
}

fn learning(time: Duration, gate: Option<mpsc::Receiver<()>>) -> Helper<Learning> {
    let knows = false;
    Helper::start(limits(time), Learning { knows, gate }).unwrap()
}

#[test]
fn what_is_to_be_learnt_the_helper_learns_and_the_rest_is_read_here() {
    let helper = learning(PATIENT, None);
    let begin = Instant::now();
    let (first, until) = helper.read_here().unwrap();
    assert_eq!(first, "tower-monitor-locals");
    assert!((begin..begin + PATIENT / 3).contains(&until));
    let begin = Instant::now();
    let (second, until) = helper.read_here().unwrap();
    assert_eq!(Some(&*second), thread::current().name());
    let wait = until - begin;
    assert!(
        wait < PATIENT / 15 || begin.elapsed() > PATIENT / 30,
        "{wait:?}"
    );
    let (panic, until) = helper.ask().unwrap();
    assert_eq!(panic, "tower-monitor-locals");
    assert!(until > begin + PATIENT / 2);
    assert!(helper.desk.all_free());
}

#[test]
fn an_error_does_not_wait_as_long_as_a_panic() {
    let (open, gate) = mpsc::channel();
    let helper = learning(Duration::from_millis(200), Some(gate));
    let begin = Instant::now();
    let learning = helper.read_here().err();
    let busy = helper.read_here().err();
    assert!(
        begin.elapsed() >= Duration::from_millis(100),
        "a quarter each"
    );
    assert_eq!(learning, Some(Missing::Deadline));
    assert_eq!(
        busy,
        Some(Missing::Busy),
        "the helper is still at the first"
    );
    open.send(()).unwrap();
    wait_for(|| helper.desk.all_free());
    open.send(()).unwrap();
    assert!(helper.read_here().is_ok(), "and knows it by now");
}

#[test]
fn of_an_error_no_more_calls_are_taken_than_it_needs() {
    let taken = |wanted, calls: &[Option<(usize, bool)>]| {
        let mut sight = Sight::new(wanted);
        let left_out = calls.iter().position(|call| !sight.wants_after(*call));
        (left_out, sight.knows)
    };
    let (library, own, asks) = (Some((0, false)), Some((1, false)), Some((1, true)));
    let one = [library, own, library, library, library, library];
    assert_eq!(
        taken(1, &one),
        (Some(2), true),
        "the call after it is left out"
    );
    let one = [library, asks, library, library, library, library];
    assert_eq!(taken(1, &one), (Some(4), true), "and two callers tell more");
    assert_eq!(
        taken(2, &[own, library, asks, own, own, own]),
        (Some(5), true)
    );
    assert_eq!(
        taken(1, &[library, None, own, own, own]),
        (None, false),
        "it is to be learnt"
    );
    assert_eq!(
        taken(1, &[own, None, None]),
        (Some(1), true),
        "who calls does not matter"
    );
}
