//! Days of outages of every sort, by a clock that stands still while something is done: nothing is lost.

use super::*;

use crate::delivery::retry::random_fraction;

/// For two to six hours one of many ways to fail, then fine for longer than anybody asks to wait, and so on.
fn stormy() -> Script {
    let weather = Mutex::new((Mood::Fine, Instant::now()));
    Box::new(move |_| {
        let mut weather = weather.lock().unwrap();
        let (mood, until) = &mut *weather;
        if *until <= Instant::now() {
            let hours;
            (*mood, hours) = match mood {
                Mood::Fine => (foul(), 4.0),
                _ => (Mood::Fine, 1.2),
            };
            *until = Instant::now()
                + Duration::from_secs(3_600).mul_f64(hours * (0.5 + random_fraction()));
        }
        mood.clone()
    })
}

fn foul() -> Mood {
    match (random_fraction() * 6.0) as u32 {
        0 => unavailable(),
        1 => Mood::Hanging,
        2 => Mood::Failing(NotifyError::temporary("the connection was reset")),
        3 => Mood::Failing(NotifyError::temporary("an answer that is no HTTP")),
        4 => busy((random_fraction() * 1_800.0) as u64),
        _ => Mood::Failing(NotifyError::temporary("429")),
    }
}

#[tokio::test(start_paused = true)]
async fn vendors_that_fail_in_every_way_for_days_lose_no_alert() {
    let budgets = [
        Budget::unlimited(),
        Budget::DEFAULT,
        Budget::SLACK,
        Budget::TEAMS,
    ];
    let memory = Arc::new(Memory::new());
    let sources = vec![Arc::clone(&memory) as Arc<dyn DynStore>];
    let scripts = budgets.map(|budget| (stormy(), budget));
    let clock = Clock::of_tokio(at(0));
    let setup = start(memory, &sources, clock, scripts.into());
    let (mut decided, mut most) = (0, 0);
    for _ in 0..1_000 {
        // Mostly one by one, sometimes as many at once as may wait apart.
        let burst = match (random_fraction() * 40.0) as u64 {
            0 => setup.lane(0).room() as u64,
            few => few % 4,
        };
        for place in 0..budgets.len() {
            setup.decide(place, decided..decided + burst);
            most = most.max(setup.lane(place).status().waiting);
        }
        decided += burst;
        let pause = Duration::from_secs((random_fraction() * 600.0) as u64);
        tokio::time::sleep(pause).await;
    }
    for (place, budget) in budgets.into_iter().enumerate() {
        setup.lane(place).flush().await;
        let seen = setup.seen(place);
        assert_eq!(seen.told(), decided, "{budget:?}");
        assert_within(budget, &seen.tries());
    }
    assert_eq!(setup.lost(), []);
    assert!(decided > 1_500 && most <= 64 + 50, "{decided} {most}");
}

fn assert_within(budget: Budget, tries: &[Try]) {
    let Some(burst) = budget.burst() else {
        return;
    };
    for (first, begin) in tries.iter().enumerate() {
        for (count, end) in tries[first..].iter().enumerate() {
            let allowed = burst + budget.earned(end.at - begin.at);
            assert!((count + 1) as f64 <= allowed + 1e-3, "{budget:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn after_an_outage_of_hours_all_is_told_in_few_messages() {
    let down = Duration::from_secs(5 * 3_600);
    let begun = Instant::now();
    let setup = setup([Box::new(move |_| {
        if begun.elapsed() < down {
            unavailable()
        } else {
            Mood::Fine
        }
    }) as Script]);
    for minute in 0..300 {
        setup.decide(0, minute * 3..minute * 3 + 3);
        tokio::time::sleep(Duration::from_secs(60)).await;
    }
    setup.lane(0).flush().await;
    let tries = setup.seen(0).tries();
    let arrived = tries.iter().filter(|seen| seen.arrived).count();
    assert_eq!(setup.seen(0).told(), 900);
    assert!(arrived <= 64 + 3, "{arrived}");
    assert!(
        tries.len() - arrived < 300,
        "a vendor that is down is left in peace"
    );
}
