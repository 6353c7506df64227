//! Text messages: what each alert becomes, who gets it when Twilio takes it for some only, and what Twilio's description says of it.

use std::collections::BTreeMap;
use std::time::Duration;

use tower_monitor::notify::Sms;
use tower_monitor::{Notifier, NotifyError};

use crate::support::alerts::{ALL, alert};
use crate::support::golden::golden_text;
use crate::support::judges::Prism;
use crate::support::relay::relay;
use crate::support::vendor::{Answer, Received, Vendor};

const ACCOUNT: &str = "AC0123456789abcdef0123456789abcdef";
const TOKEN: &str = "0f1e2d3c4b5a69788796a5b4c3d2e1f0";
const NUMBERS: [&str; 3] = ["+491715550101", "+491715550102", "+491715550103"];

fn sms(vendor: &Vendor) -> Sms {
    let sms = Sms::twilio(ACCOUNT, TOKEN).from("+15005550006");
    sms.base_url(vendor.url("")).to(NUMBERS[0])
}

fn to_all(vendor: &Vendor) -> Sms {
    sms(vendor).to(NUMBERS[1]).to(NUMBERS[2])
}

fn form(request: &Received) -> BTreeMap<String, String> {
    let pairs = form_urlencoded::parse(&request.body).into_owned();
    pairs.collect()
}

fn recipients(vendor: &Vendor) -> Vec<String> {
    let all = vendor.received();
    all.iter()
        .map(|request| form(request)["To"].clone())
        .collect()
}

fn taken() -> Answer {
    Answer::say(201, r#"{"sid":"SM1","status":"queued","error_code":null}"#)
}

fn problem(status: u16, code: u32) -> Answer {
    let message = format!("The number {} and {TOKEN} are at fault", NUMBERS[0]);
    Answer::say(
        status,
        format!(r#"{{"code":{code},"message":"{message}","more_info":"","status":{status}}}"#),
    )
}

fn is_for(number: &str, request: &Received) -> bool {
    form(request)["To"] == number
}

#[tokio::test]
async fn each_alert_is_one_message_of_one_segment() {
    for name in ALL {
        let vendor = Vendor::saying(taken()).await;
        sms(&vendor).notify(&alert(name)).await.unwrap();
        let text = form(&vendor.only())["Body"].clone();
        assert!(text.chars().count() <= 160, "{name}: {text}");
        golden_text(&format!("sms/{name}.txt"), &text);
    }
}

#[tokio::test]
async fn the_request_is_twilios() {
    let vendor = Vendor::saying(taken()).await;
    sms(&vendor).notify(&alert("panic")).await.unwrap();
    let request = vendor.only();
    let path = format!("/2010-04-01/Accounts/{ACCOUNT}/Messages.json");
    assert_eq!((&*request.method, &request.path), ("POST", &path));
    assert_eq!(
        request.header("content-type"),
        "application/x-www-form-urlencoded"
    );
    // `AC0123…:0f1e…`, by coreutils' base64.
    let login = "Basic QUMwMTIzNDU2Nzg5YWJjZGVmMDEyMzQ1Njc4OWFiY2RlZjowZjFlMmQzYzRiNWE2OTc4ODc5NmE1YjRjM2QyZTFmMA==";
    assert_eq!(request.header("authorization"), login);
    let form = form(&request);
    assert_eq!(form["To"], NUMBERS[0]);
    assert_eq!(form["From"], "+15005550006");
    assert_eq!(form["ValidityPeriod"], "600");
    assert_eq!(form.len(), 4, "{form:?}");

    let service = "MG0123456789abcdef0123456789abcdef";
    let vendor = Vendor::saying(taken()).await;
    let sms = sms(&vendor).messaging_service(service);
    sms.notify(&alert("panic")).await.unwrap();
    let form = self::form(&vendor.only());
    assert_eq!(form["MessagingServiceSid"], service);
    assert!(!form.contains_key("From"));
}

#[tokio::test]
async fn who_has_an_alert_does_not_get_it_again() {
    let vendor = Vendor::start(|request, before| match before {
        1 => problem(503, 0),
        2 => {
            assert!(is_for(NUMBERS[1], request));
            Answer::say(429, "{}").header("retry-after", "7")
        }
        _ => taken(),
    })
    .await;
    let sms = to_all(&vendor);
    let panic = alert("panic");
    let error = sms.notify(&panic).await.unwrap_err();
    assert!(error.is_temporary() && error.wait().is_none(), "{error}");
    let error = sms.notify(&panic).await.unwrap_err();
    assert_eq!(error.wait(), Some(Duration::from_secs(7)));
    assert_eq!(sms.notify(&panic).await, Ok(()));
    let expected = [0, 1, 1, 1, 2].map(|at| NUMBERS[at]);
    assert_eq!(recipients(&vendor), expected);

    sms.notify(&alert("logged")).await.unwrap();
    assert_eq!(
        recipients(&vendor)[5..],
        NUMBERS,
        "another alert goes to all"
    );
}

#[tokio::test]
async fn what_may_have_arrived_is_sent_once_more_and_not_again() {
    for answer in [problem(500, 0), problem(504, 0), Answer::Reset] {
        let vendor = Vendor::start(move |request, _| match is_for(NUMBERS[0], request) {
            true => answer.clone(),
            false => taken(),
        })
        .await;
        let (all, panic) = (to_all(&vendor), alert("panic"));
        let error = all.notify(&panic).await.unwrap_err();
        assert!(error.is_temporary(), "{error}");
        assert_eq!(all.notify(&panic).await, Ok(()), "the others have it");
        let expected = [0, 0, 1, 2].map(|at| NUMBERS[at]);
        assert_eq!(recipients(&vendor), expected);
    }

    let vendor = Vendor::saying(problem(500, 0)).await;
    let (alone, panic) = (sms(&vendor), alert("panic"));
    assert!(alone.notify(&panic).await.unwrap_err().is_temporary());
    let error = alone.notify(&panic).await.unwrap_err();
    assert!(
        !error.is_temporary() && !error.is_destination_gone(),
        "another notifier is to tell it: {error}"
    );
    assert_eq!(vendor.received().len(), 2);

    // What has certainly not been taken is tried as long as it has to be.
    let vendor = Vendor::saying(problem(503, 0)).await;
    let alone = sms(&vendor);
    for _ in 0..5 {
        assert!(alone.notify(&panic).await.unwrap_err().is_temporary());
    }
}

#[tokio::test]
async fn a_number_that_takes_none_keeps_no_other_from_it_and_is_left_out() {
    let vendor = Vendor::start(|request, _| match is_for(NUMBERS[1], request) {
        true => problem(400, 21610),
        false => taken(),
    })
    .await;
    let sms = to_all(&vendor);
    assert_eq!(sms.notify(&alert("panic")).await, Ok(()));
    assert_eq!(sms.notify(&alert("logged")).await, Ok(()));
    let expected = [0, 1, 2, 0, 2].map(|at| NUMBERS[at]);
    assert_eq!(recipients(&vendor), expected);
}

#[tokio::test]
async fn when_no_number_is_left_the_destination_is_gone_until_one_is_back() {
    let vendor = Vendor::start(|_, before| match before {
        0..3 => problem(400, 21614),
        _ => taken(),
    })
    .await;
    let sms = to_all(&vendor);
    let error = sms.notify(&alert("panic")).await.unwrap_err();
    assert!(error.is_destination_gone(), "{error}");
    no_secret_in(&error);
    assert_eq!(sms.notify(&alert("panic")).await, Ok(()));
    assert_eq!(recipients(&vendor).len(), 6);
}

#[tokio::test]
async fn what_is_refused_is_sent_again_as_less_to_those_who_lack_it() {
    let vendor = Vendor::start(|request, _| {
        let is_long = form(request)["Body"].contains('\n');
        match is_for(NUMBERS[1], request) && is_long {
            true => problem(400, 21617),
            false => taken(),
        }
    })
    .await;
    assert_eq!(to_all(&vendor).notify(&alert("panic")).await, Ok(()));
    let expected = [0, 1, 2, 1, 1].map(|at| NUMBERS[at]);
    assert_eq!(recipients(&vendor), expected);

    let vendor = Vendor::saying(problem(400, 21617)).await;
    let error = sms(&vendor).notify(&alert("panic")).await.unwrap_err();
    assert!(
        !error.is_temporary() && !error.is_destination_gone(),
        "{error}"
    );
    assert_eq!(vendor.received().len(), 3);
    no_secret_in(&error);
}

#[tokio::test]
async fn one_number_that_refuses_everything_does_not_spoil_the_delivery() {
    let vendor = Vendor::start(|request, _| match is_for(NUMBERS[0], request) {
        true => problem(400, 99_999),
        false => taken(),
    })
    .await;
    assert_eq!(to_all(&vendor).notify(&alert("panic")).await, Ok(()));
    let expected = [0, 1, 2, 0, 0].map(|at| NUMBERS[at]);
    assert_eq!(recipients(&vendor), expected);
}

#[tokio::test]
async fn a_wrong_login_is_a_destination_that_is_gone() {
    let vendor = Vendor::saying(problem(401, 20003)).await;
    let error = to_all(&vendor).notify(&alert("panic")).await.unwrap_err();
    assert!(error.is_destination_gone(), "{error}");
    assert_eq!(
        vendor.received().len(),
        1,
        "the others would be told the same"
    );
    no_secret_in(&error);
}

#[tokio::test]
async fn a_token_with_blanks_around_it_is_hidden_as_it_is_sent() {
    let vendor = Vendor::saying(problem(401, 20003)).await;
    let sms = Sms::twilio(ACCOUNT, format!(" {TOKEN}\n")).from("+15005550006");
    let sms = sms.base_url(vendor.url("")).to(NUMBERS[0]);
    no_secret_in(&sms.notify(&alert("panic")).await.unwrap_err());
}

fn no_secret_in(error: &NotifyError) {
    let error = error.to_string();
    assert!(error.contains("[redacted]"), "{error}");
    for secret in [TOKEN, "49171555"] {
        assert!(!error.contains(secret), "{error}");
    }
}

#[tokio::test]
async fn twilios_description_finds_no_fault_with_any_alert() {
    let Some(prism) = Prism::start("twilio-messages.json") else {
        return;
    };
    let vendor = relay(&prism.url(), |_| {}).await;
    let sms = sms(&vendor).messaging_service("MG0123456789abcdef0123456789abcdef");
    for name in ALL {
        assert_eq!(sms.notify(&alert(name)).await, Ok(()), "{}", prism.log());
    }
    assert_eq!(vendor.received().len(), ALL.len());

    let vendor = relay(&prism.url(), |request| {
        _ = request.headers.remove("authorization")
    })
    .await;
    let error = self::sms(&vendor)
        .notify(&alert("panic"))
        .await
        .unwrap_err();
    assert!(error.is_destination_gone(), "{error}");
}
