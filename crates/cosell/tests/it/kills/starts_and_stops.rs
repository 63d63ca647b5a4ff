//! Kills where nothing is under way but the program's own start and stop.

use reqwest::Method;
use serde_json::json;

use super::{
    aims::{Aim, Fate, Hold, Kind, Point},
    judge::Moves,
    people::{Origin, People},
    rounds::{Running, hurry, in_step, judge},
};
use crate::harness::{Platform, World, until};

async fn some_deals(people: &People<'_>) {
    for origin in [Origin::CoSell, Origin::PartnerLed, Origin::CoSell, Origin::PartnerLed] {
        people.begin(origin).await;
    }
}

#[tokio::test]
async fn a_kill_while_it_stops_leaves_nothing_half_done() {
    let world = World::seeded(12);
    hurry(&world);
    let people = People::new(&world);
    let mut running = Running::start(&world, &[]).await;
    some_deals(&people).await;
    in_step(&world, &people, &mut running).await;
    for (point, kind) in [
        (Point::AfterEffect, Kind::Create),
        (Point::AfterEffect, Kind::CreateCompanion),
        (Point::BeforeEffect, Kind::Patch),
    ] {
        let aim = Aim { point, kind, fate: Fate::HappensLate };
        let hold = Hold::arm(&world, aim).await;
        people.begin(Origin::CoSell).await;
        people.sellers_work().await;
        until(&format!("{aim:?}"), || async { hold.holds(&world).await.then_some(()) }).await;
        let log = world.folder().join("cosell.log");
        let said = || std::fs::read_to_string(&log).unwrap().matches("stopping:").count();
        let before = said();
        running.service.ask_to_stop();
        until("the program has heard it", || async { (said() > before).then_some(()) }).await;
        assert!(running.service.is_up(), "it stops only when the pass under way is finished");
        running.service.kill();
        hold.release(&world, aim.fate).await;
        running = Running::start(&world, &[]).await;
    }
    in_step(&world, &people, &mut running).await;
    judge(&world, &people, &mut Moves::default()).await;
    running.service.stop();
}

#[tokio::test]
async fn a_kill_while_it_starts_costs_nothing() {
    let world = World::seeded(13);
    hurry(&world);
    let people = People::new(&world);
    some_deals(&people).await;
    // At once, and the further it comes each time.
    for log_lines in 0..6 {
        let mut service = world.run_with(&[]);
        let log = world.folder().join("cosell.log");
        let lines = || std::fs::read_to_string(&log).unwrap_or_default().lines().count();
        let before = lines();
        until("it has come so far", || async { (lines() >= before + log_lines.min(3)).then_some(()) }).await;
        service.kill();
    }
    // While it signs in: the platform grants, or not, what the dead program asked for.
    for platform in [Platform::Salesforce, Platform::PartnerCenter] {
        for (point, action) in [("before-effect", "proceed"), ("after-effect", "drop")] {
            let body = json!({ "kind": "token", "point": point });
            let id = world.control(platform, Method::POST, "holds", Some(&body)).await["id"].clone();
            let mut service = world.run_with(&[]);
            let path = format!("holds/{id}?wait_ms=1000");
            until("it signs in", || async {
                (world.control(platform, Method::GET, &path, None).await["held"] == true).then_some(())
            })
            .await;
            service.kill();
            let path = format!("holds/{id}?action={action}");
            world.control(platform, Method::DELETE, &path, None).await;
        }
    }
    let mut running = Running::start(&world, &[]).await;
    in_step(&world, &people, &mut running).await;
    judge(&world, &people, &mut Moves::default()).await;
    running.service.stop();
}
