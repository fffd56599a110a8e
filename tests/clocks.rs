//! Clocks that jump, stand at odd times or in odd zones: order, ids and time-outs are what they were (R15). The clock is
//! changed for the binary alone, by a library put before the system's.

use std::path::PathBuf;

use agent_testkit::{Finished, Scene, ScriptedModel, ScriptedServer};
use serde_json::json;

const AGENT: &str = env!("CARGO_BIN_EXE_agent");

/// `CLOCK_AT` is where the wall clock stands at first, `CLOCK_JUMP` how far it jumps to and fro from then on, in
/// seconds. The clock that only counts is left alone.
const LIBRARY: &str = r#"
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

int clock_gettime(clockid_t clock, struct timespec *now) {
    static long offset, calls;
    int result = syscall(SYS_clock_gettime, clock, now);
    char *at = getenv("CLOCK_AT"), *jump = getenv("CLOCK_JUMP");
    if (result || (clock != CLOCK_REALTIME && clock != CLOCK_REALTIME_COARSE) || !at) return result;
    if (!offset) offset = atol(at) - now->tv_sec;
    now->tv_sec += offset + (calls++ % 2 && jump ? atol(jump) : 0);
    return result;
}
int gettimeofday(struct timeval *restrict now, void *restrict zone) {
    struct timespec exact;
    int result = clock_gettime(CLOCK_REALTIME, &exact);
    now->tv_sec = exact.tv_sec;
    now->tv_usec = exact.tv_nsec / 1000;
    return result;
}
"#;

/// None where there is no compiler for it.
fn library(scene: &Scene) -> Option<PathBuf> {
    let folder = scene.home();
    let (source, library) = (folder.join("clock.c"), folder.join("clock.so"));
    std::fs::write(&source, LIBRARY).unwrap();
    #[expect(clippy::disallowed_methods, reason = "a test makes what it needs")]
    let made = std::process::Command::new("cc")
        .args(["-shared", "-fPIC", "-o"])
        .args([&library, &source])
        .status();
    made.is_ok_and(|status| status.success()).then_some(library)
}

fn server() -> ScriptedServer {
    ScriptedModel::new()
        .calls("exec_command", json!({"cmd": "sleep 1000", "yield_time_ms": 300}))
        .calls("exec_command", json!({"cmd": "echo done"}))
        .says("Done.")
        .says("And again.")
        .serve()
}

/// A task and what follows it, by such a clock.
#[expect(clippy::print_stdout, reason = "a test says why it is not run")]
async fn runs_at(at: i64, jump: i64) -> Option<[Finished; 2]> {
    let server = server();
    let scene = Scene::new(AGENT).unrehearsed().facing(&server);
    let Some(library) = library(&scene) else {
        println!("not run: there is no cc to make a clock with");
        return None;
    };
    let scene = scene
        .env("LD_PRELOAD", library.to_str().unwrap())
        .env("CLOCK_AT", &at.to_string())
        .env("CLOCK_JUMP", &jump.to_string());
    let first = scene.run(&["exec", "--json", "go"]).await.succeeded();
    let second = scene.run(&["exec", "resume", "--last", "--json", "more"]).await.succeeded();
    Some([first, second])
}

fn in_order(run: &Finished) {
    for (number, event) in run.events().iter().enumerate() {
        assert_eq!(event["seq"], number);
        assert!(event["t_ms"].is_u64(), "{event}");
    }
    let times: Vec<_> = run.events().iter().map(|event| event["t_ms"].as_u64().unwrap()).collect();
    assert!(times.is_sorted(), "what counts since the start never goes back: {times:?}");
}

#[tokio::test]
async fn r15_any_year_will_do() {
    // The first, the last of 32 bits, the last of unsigned ones, and the last of four digits.
    for (at, year) in [
        (1, "1970-"),
        (2_147_483_640, "2038-"),
        (4_294_967_290, "2106-"),
        (253_402_000_000, "9999-"),
    ] {
        let Some(runs) = runs_at(at, 0).await else { return };
        for run in &runs {
            in_order(run);
            assert_eq!(run.event("turn.completed")["type"], "turn.completed");
        }
        let first = runs[0].event("thread.started")["at"].as_str().unwrap().to_owned();
        assert!(first.starts_with(year), "the clock was changed: {first}");
    }
}

#[tokio::test]
async fn r15_a_clock_that_jumps_changes_no_order_and_no_patience() {
    for jump in [-3_600, 3_600, -86_400 * 400, 86_400 * 400] {
        let Some(runs) = runs_at(1_800_000_000, jump).await else { return };
        runs.iter().for_each(in_order);
        let waited = runs[0].items("command_execution");
        let ended = runs[0].event("process.reaped");
        assert_eq!(ended["command"], "sleep 1000", "{waited:?}");
    }
}

#[tokio::test]
async fn r15_any_time_zone_will_do() {
    for zone in [
        "",
        "UTC",
        "Pacific/Kiritimati",
        "America/St_Johns",
        "no/such/zone",
        ":/etc/passwd",
        "\u{fffd}",
    ] {
        let server = server();
        let scene = Scene::new(AGENT).unrehearsed().facing(&server).env("TZ", zone);
        let run = scene.run(&["exec", "--json", "go"]).await.succeeded();
        in_order(&run);
        for event in run.events() {
            assert!(event["at"].as_str().unwrap().ends_with('Z'), "{zone}: {event}");
        }
    }
}
