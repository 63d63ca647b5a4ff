//! Pauses and allowances that servers told, and the calls of an allowance that are lent of one account.

use std::time::Duration;

use ports::{Borrowing, BudgetBook, Lane, Loan, Platform, ServerPause, Usage};

use super::on_every_store;
use crate::ground::at;

on_every_store![
    a_pause_only_grows_and_says_whether_the_server_counts,
    the_newest_word_of_a_server_counts_whoever_brings_it_when,
    a_server_whose_clock_was_set_back_is_believed_again,
    without_an_allowance_nothing_is_counted,
    what_is_lent_to_all_is_no_more_than_what_is_left_of_the_lanes_part,
    a_block_that_is_used_up_is_replaced_and_what_is_not_counted_yet_stays_spent,
    the_block_of_one_that_is_gone_comes_back_after_its_time_when_the_server_was_heard,
    where_nothing_is_left_one_call_of_all_finds_out_and_no_sooner_than_said,
    a_day_without_a_word_ends_the_count,
];

const ORG: Platform = Platform::Salesforce;

fn said(used: u64, second: i64) -> Usage {
    Usage { used, allowed: 10_000, at: at(second) }
}

/// The wish of one process for urgent calls, which may spend 95 %.
fn wish(borrower: &str, second: i64) -> Borrowing {
    Borrowing {
        platform: ORG,
        borrower: borrower.to_owned(),
        lane: Lane::Now,
        share: 95,
        unseen: 0,
        heard: None,
        sound_every: Duration::from_mins(10),
        now: at(second),
    }
}

async fn calls(book: &dyn BudgetBook, wish: &Borrowing) -> u64 {
    match book.borrow(wish).await.unwrap() {
        Loan::Calls(calls) => calls,
        Loan::Unbounded => panic!("an allowance is known"),
    }
}

/// Borrows under ever new names until nothing is left; how much that was.
async fn all_that_is_left(book: &dyn BudgetBook, second: i64) -> u64 {
    let mut sum = 0;
    for number in 0..10_000 {
        let lent = calls(book, &wish(&format!("greedy {number} {second}"), second)).await;
        if lent == 0 {
            break;
        }
        sum += lent;
    }
    sum
}

async fn a_pause_only_grows_and_says_whether_the_server_counts(book: &dyn BudgetBook) {
    let pause = |until, counted: Option<i64>| ServerPause { until: at(until), counted: counted.map(at) };
    book.keep_pause(ORG, pause(60, None)).await.unwrap();
    assert_eq!(book.usages().await.unwrap(), [], "a pause alone says nothing of an allowance");
    book.keep_pause(ORG, pause(30, Some(30))).await.unwrap();
    assert_eq!(book.server_pauses().await.unwrap(), [(ORG, pause(60, Some(30)))]);
    book.keep_pause(ORG, pause(90, None)).await.unwrap();
    book.keep_pause(ORG, pause(20, Some(20))).await.unwrap();
    assert_eq!(book.server_pauses().await.unwrap(), [(ORG, pause(90, Some(30)))]);
}

async fn the_newest_word_of_a_server_counts_whoever_brings_it_when(book: &dyn BudgetBook) {
    book.keep_usage(ORG, said(20, 10), at(10)).await.unwrap();
    book.keep_usage(ORG, said(10, 9), at(11)).await.unwrap();
    assert_eq!(book.usages().await.unwrap(), [(ORG, said(20, 10))], "an older answer overtaken");
    book.keep_usage(ORG, said(19, 10), at(12)).await.unwrap();
    assert_eq!(book.usages().await.unwrap(), [(ORG, said(20, 10))], "of one second the highest");
    book.keep_usage(ORG, said(5, 20), at(20)).await.unwrap();
    assert_eq!(book.usages().await.unwrap(), [(ORG, said(5, 20))], "the window moved on");
}

async fn a_server_whose_clock_was_set_back_is_believed_again(book: &dyn BudgetBook) {
    book.keep_usage(ORG, said(20, 4_000), at(10)).await.unwrap();
    book.keep_usage(ORG, said(21, 11), at(11)).await.unwrap();
    assert_eq!(book.usages().await.unwrap(), [(ORG, said(21, 11))]);
}

async fn without_an_allowance_nothing_is_counted(book: &dyn BudgetBook) {
    assert_eq!(book.borrow(&wish("one", 0)).await.unwrap(), Loan::Unbounded);
    let heard = Some((said(0, 1), at(1)));
    assert_eq!(
        calls(book, &Borrowing { heard, ..wish("one", 1) }).await,
        10,
        "a thousandth of the allowance"
    );
}

async fn what_is_lent_to_all_is_no_more_than_what_is_left_of_the_lanes_part(book: &dyn BudgetBook) {
    book.keep_usage(ORG, said(9_000, 0), at(0)).await.unwrap();
    let background = Borrowing { lane: Lane::Background, share: 91, ..wish("sweeper", 0) };
    assert_eq!(calls(book, &background).await, 10);
    assert_eq!(all_that_is_left(book, 1).await, 490, "95 % are 9,500, of which 9,010 are spoken for");
    assert_eq!(calls(book, &Borrowing { borrower: "other".to_owned(), ..background }).await, 0);
    let reports = Borrowing { lane: Lane::Report, share: 97, ..wish("reporter", 1) };
    assert_eq!(calls(book, &reports).await, 10, "each lane as far as its own part");
}

async fn a_block_that_is_used_up_is_replaced_and_what_is_not_counted_yet_stays_spent(book: &dyn BudgetBook) {
    book.keep_usage(ORG, said(9_480, 0), at(0)).await.unwrap();
    assert_eq!(calls(book, &wish("one", 0)).await, 5, "a quarter of the 20 that are left");
    // Five were begun, of which the server was heard to count two.
    let next = Borrowing { unseen: 3, heard: Some((said(9_482, 1), at(1))), ..wish("one", 1) };
    assert_eq!(calls(book, &next).await, 3, "a quarter of 9,500 - 9,482 - 3");
    assert_eq!(all_that_is_left(book, 1).await, 12, "9,500 - 9,482 - 3 - 3");
}

async fn the_block_of_one_that_is_gone_comes_back_after_its_time_when_the_server_was_heard(
    book: &dyn BudgetBook,
) {
    book.keep_usage(ORG, said(9_480, 0), at(0)).await.unwrap();
    assert_eq!(calls(book, &wish("dead", 0)).await, 5);
    assert_eq!(all_that_is_left(book, 30).await, 15, "it may be spending its five");
    let asks = |second| wish("survivor", second);
    assert_eq!(calls(book, &asks(59)).await, 0);
    // Its block is over, and nobody has heard what was spent of it: one call finds out.
    assert_eq!(calls(book, &asks(60)).await, 1);
    assert_eq!(calls(book, &wish("other", 91)).await, 0);
    let heard = Some((said(9_483, 92), at(92)));
    let lent = calls(book, &Borrowing { heard, ..asks(92) }).await;
    assert_eq!(lent, 4, "a quarter of the 17 that are left");
}

async fn where_nothing_is_left_one_call_of_all_finds_out_and_no_sooner_than_said(book: &dyn BudgetBook) {
    book.keep_usage(ORG, said(9_600, 0), at(0)).await.unwrap();
    for (second, lent) in [(1, 0), (599, 0), (600, 1), (601, 0), (1_199, 0), (1_200, 1)] {
        // Asked by ever other processes: they are one to the server.
        let process = format!("process {second}");
        assert_eq!(calls(book, &wish(&process, second)).await, lent, "at {second}");
        let done = Borrowing { heard: Some((said(9_600, 0), at(0))), ..wish(&process, second) };
        assert_eq!(calls(book, &done).await, 0, "what was lent is given back");
    }
}

async fn a_day_without_a_word_ends_the_count(book: &dyn BudgetBook) {
    book.keep_usage(ORG, said(9_600, 0), at(0)).await.unwrap();
    assert_eq!(calls(book, &wish("one", 1)).await, 0);
    assert_eq!(book.borrow(&wish("one", 24 * 3600)).await.unwrap(), Loan::Unbounded);
}
