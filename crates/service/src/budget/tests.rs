//! The budget as its callers meet it.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use super::*;
use crate::hand_clock::HandClock;
use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use ports::{
    Admission, Borrowing, Budget as _, BudgetBook, BudgetBookError, Lane, Loan, Platform, ServerPause,
    SystemClock, Usage,
};

const NO_TIME: Duration = Duration::ZERO;

fn budget() -> SharedBudget {
    SharedBudget::new(Arc::new(SystemClock), BudgetSettings::default())
}

async fn is_granted(budget: &SharedBudget, platform: Platform, lane: Lane) -> bool {
    matches!(budget.admit(platform, lane, NO_TIME).await, Admission::Granted(_))
}

#[tokio::test]
async fn a_pause_grows_and_never_shrinks() {
    let budget = budget();
    let later = Timestamp::now() + SignedDuration::from_secs(600);
    budget.pause_until(Platform::PartnerCenter, later).await;
    budget.pause_until(Platform::PartnerCenter, Timestamp::now()).await;
    let Admission::Wait(wait) = budget.admit(Platform::PartnerCenter, Lane::Guard, NO_TIME).await else {
        panic!("admitted during a pause")
    };
    assert!(wait > Duration::from_secs(590), "{wait:?}");
    assert!(is_granted(&budget, Platform::Salesforce, Lane::Now).await);
}

#[derive(Default)]
struct Book(Mutex<Vec<(Platform, ServerPause)>>, Mutex<Vec<(Platform, Usage)>>);

#[async_trait]
impl BudgetBook for Book {
    async fn server_pauses(&self) -> Result<Vec<(Platform, ServerPause)>, BudgetBookError> {
        Ok(self.0.lock().expect("no test panics while holding this lock").clone())
    }

    async fn keep_pause(&self, platform: Platform, pause: ServerPause) -> Result<(), BudgetBookError> {
        self.0.lock().expect("no test panics while holding this lock").push((platform, pause));
        Ok(())
    }

    async fn usages(&self) -> Result<Vec<(Platform, Usage)>, BudgetBookError> {
        Ok(self.1.lock().expect("no test panics while holding this lock").clone())
    }

    async fn keep_usage(
        &self,
        platform: Platform,
        usage: Usage,
        _: Timestamp,
    ) -> Result<(), BudgetBookError> {
        self.1.lock().expect("no test panics while holding this lock").push((platform, usage));
        Ok(())
    }

    async fn borrow(&self, _: &Borrowing) -> Result<Loan, BudgetBookError> {
        Ok(Loan::Unbounded)
    }
}

#[tokio::test]
async fn a_pause_reaches_other_processes_by_the_book_and_an_absurd_one_is_not_believed() {
    let book = Arc::new(Book::default());
    let pause = |minutes| Timestamp::now() + SignedDuration::from_mins(minutes);
    let service = budget().kept_in(book.clone());
    service.pause_until(Platform::PartnerCenter, pause(10)).await;
    service.pause_until(Platform::PartnerCenter, pause(5)).await;
    let absurd = ServerPause { until: pause(60 * 24), counted: None };
    book.keep_pause(Platform::Salesforce, absurd).await.unwrap();
    assert_eq!(
        book.server_pauses().await.map(|pauses| pauses.len()).ok(),
        Some(2),
        "a shorter pause is no news"
    );
    let command = budget().informed_by(book.as_ref()).await;
    assert!(!is_granted(&command, Platform::PartnerCenter, Lane::Now).await);
    assert!(is_granted(&command, Platform::Salesforce, Lane::Now).await);
}

#[tokio::test]
async fn what_another_worker_is_told_while_both_run_holds_here_too() {
    let (book, now) = (Arc::new(Book::default()), Timestamp::now());
    let (one, other) = (budget().kept_in(book.clone()), budget().kept_in(book.clone()));
    other.observe(Platform::Salesforce, Usage { used: 1, allowed: 100, at: now }).await;
    one.pause_until(Platform::PartnerCenter, now + SignedDuration::from_mins(10)).await;
    one.observe(
        Platform::Salesforce,
        Usage { used: 99, allowed: 100, at: now + SignedDuration::from_secs(1) },
    )
    .await;
    assert!(is_granted(&other, Platform::PartnerCenter, Lane::Now).await);
    other.exchange_with(book.as_ref()).await.unwrap();
    assert!(!is_granted(&other, Platform::PartnerCenter, Lane::Now).await);
    assert!(!is_granted(&other, Platform::Salesforce, Lane::Now).await);
}

#[tokio::test]
async fn a_clock_that_is_set_back_does_not_make_a_pause_last() {
    let clock = HandClock::new();
    let budget = SharedBudget::new(clock.clone(), BudgetSettings::default());
    let pause = |seconds| clock.now() + SignedDuration::from_secs(seconds);
    budget.pause_until(Platform::PartnerCenter, pause(60)).await;
    assert!(!is_granted(&budget, Platform::PartnerCenter, Lane::Guard).await);
    clock.set_back(Duration::from_hours(24));
    assert!(is_granted(&budget, Platform::PartnerCenter, Lane::Now).await);
    // What the server asks for now counts by the clock as it is now.
    budget.pause_until(Platform::PartnerCenter, pause(60)).await;
    assert!(!is_granted(&budget, Platform::PartnerCenter, Lane::Guard).await);
    clock.advance(Duration::from_secs(61));
    assert!(is_granted(&budget, Platform::PartnerCenter, Lane::Now).await);
    // And the old one does not come back when its time is near again.
    clock.advance(Duration::from_hours(24) - Duration::from_secs(90));
    assert!(is_granted(&budget, Platform::PartnerCenter, Lane::Now).await);
}

#[tokio::test]
async fn lanes_stop_at_their_shares_and_the_guard_last() {
    let budget = budget();
    let at = Timestamp::now();
    for (used, background, report, now) in
        [(69, true, true, true), (70, false, true, true), (80, false, false, true), (95, false, false, false)]
    {
        budget.observe(Platform::Salesforce, Usage { used, allowed: 100, at }).await;
        for (lane, granted) in
            [(Lane::Background, background), (Lane::Report, report), (Lane::Now, now), (Lane::Guard, true)]
        {
            let admitted = is_granted(&budget, Platform::Salesforce, lane).await;
            assert_eq!(admitted, granted, "{lane:?} at {used} %");
        }
    }
}

#[tokio::test]
async fn a_restart_knows_the_allowance_and_the_window_that_slides_lets_one_call_find_out_how_much() {
    let (book, clock) = (Arc::new(Book::default()), HandClock::new());
    let fresh = || SharedBudget::new(clock.clone(), BudgetSettings::default());
    let told = |used| Usage { used, allowed: 100, at: clock.now() };
    let service = fresh().kept_in(book.clone());
    service.observe(Platform::Salesforce, told(96)).await;

    let service = fresh().informed_by(book.as_ref()).await;
    for lane in [Lane::Now, Lane::Background, Lane::Report] {
        assert!(!is_granted(&service, Platform::Salesforce, lane).await, "{lane:?}");
    }
    assert!(is_granted(&service, Platform::Salesforce, Lane::Guard).await);
    assert_eq!(
        service.allowance(Platform::Salesforce).map(|known| (known.usage.used, known.halted)),
        Some((96, Halted::AllButGuards))
    );
    // Nobody calls, so nobody hears how much is free again: now and then one call may find out.
    clock.advance(Duration::from_mins(10));
    assert!(is_granted(&service, Platform::Salesforce, Lane::Background).await);
    assert!(!is_granted(&service, Platform::Salesforce, Lane::Now).await, "one, not all");
    service.observe(Platform::Salesforce, told(60)).await;
    assert!(is_granted(&service, Platform::Salesforce, Lane::Background).await);
    assert_eq!(service.allowance(Platform::Salesforce).map(|known| known.halted), Some(Halted::Nothing));
    // A day later the window has slid past everything that was counted.
    service.observe(Platform::Salesforce, told(99)).await;
    clock.advance(Duration::from_hours(24));
    assert!(is_granted(&service, Platform::Salesforce, Lane::Background).await);
    assert!(is_granted(&service, Platform::Salesforce, Lane::Background).await);
    assert_eq!(service.allowance(Platform::Salesforce), None);
}

#[tokio::test]
async fn the_book_hears_of_each_hundredth_not_of_each_call() {
    let (book, clock) = (Arc::new(Book::default()), HandClock::new());
    let service = SharedBudget::new(clock.clone(), BudgetSettings::default()).kept_in(book.clone());
    for used in 0..=1000 {
        let usage = Usage { used, allowed: 10_000, at: clock.now() };
        service.observe(Platform::Salesforce, usage).await;
    }
    assert_eq!(book.usages().await.map(|kept| kept.len()).ok(), Some(11));
}

#[tokio::test]
async fn an_older_sample_does_not_replace_a_newer_one() {
    let budget = budget();
    let at = Timestamp::now();
    budget.observe(Platform::Salesforce, Usage { used: 99, allowed: 100, at }).await;
    let earlier = at - SignedDuration::from_secs(5);
    budget.observe(Platform::Salesforce, Usage { used: 1, allowed: 100, at: earlier }).await;
    assert!(!is_granted(&budget, Platform::Salesforce, Lane::Now).await);
}
