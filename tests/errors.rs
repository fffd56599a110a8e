//! What goes wrong before or instead of a turn: one clear sentence, what to do next, the documented exit code.

use agent_testkit::{Finished, Scene};
use insta::assert_snapshot;

const AGENT: &str = env!("CARGO_BIN_EXE_agent");

async fn refused(scene: &Scene, args: &[&str]) -> String {
    let Finished { code, stdout, stderr } = scene.run(args).await;
    assert_eq!(stdout, "", "nothing is on standard output");
    format!("exit code {}\n{}", code.unwrap_or(-1), scene.normal(&stderr))
}

#[tokio::test]
async fn without_a_key_it_lists_the_ways_to_go_on_and_sends_nothing() {
    let scene = Scene::new(AGENT);
    assert_snapshot!(refused(&scene, &["exec", "go"]).await);
    assert!(scene.rollouts().is_empty());
}

#[tokio::test]
async fn outside_a_repository_it_says_how_to_go_on() {
    let scene = Scene::new(AGENT).outside_git().env("AGENT_API_KEY", "k");
    assert_snapshot!(refused(&scene, &["exec", "go"]).await);
}

#[tokio::test]
async fn a_missing_directory_is_named() {
    let scene = Scene::new(AGENT).env("AGENT_API_KEY", "k");
    assert_snapshot!(refused(&scene, &["exec", "-C", "no/such/place", "go"]).await);
}

#[tokio::test]
async fn a_wrong_value_in_the_configuration_is_shown_with_file_line_and_what_is_allowed() {
    let scene = Scene::new(AGENT)
        .config("model = \"m\"\nsandbox_mode = \"loose\"\n")
        .env("AGENT_API_KEY", "k");
    assert_snapshot!(refused(&scene, &["exec", "go"]).await);
}

#[tokio::test]
async fn a_configuration_that_is_not_toml_is_shown_with_its_line() {
    let scene = Scene::new(AGENT)
        .config("model = \"m\"\nmodel_provider = openai\n")
        .env("AGENT_API_KEY", "k");
    assert_snapshot!(refused(&scene, &["exec", "go"]).await);
}

#[tokio::test]
async fn an_unknown_provider_is_named_with_those_there_are() {
    let scene = Scene::new(AGENT).env("AGENT_API_KEY", "k");
    assert_snapshot!(refused(&scene, &["exec", "--provider", "opnai", "go"]).await);
}

#[tokio::test]
async fn a_wrong_flag_exits_2() {
    let scene = Scene::new(AGENT);
    assert_snapshot!(refused(&scene, &["exec", "--jsn", "go"]).await);
}

#[tokio::test]
async fn an_empty_prompt_is_refused() {
    let scene = Scene::new(AGENT).env("AGENT_API_KEY", "k");
    assert_snapshot!(refused(&scene, &["exec"]).await);
}

#[tokio::test]
async fn an_unknown_thread_exits_1() {
    let scene = Scene::new(AGENT).env("AGENT_API_KEY", "k");
    assert_snapshot!(refused(&scene, &["exec", "resume", "nobody", "go"]).await);
}

#[tokio::test]
async fn where_nothing_listens_the_run_ends_with_kind_network() {
    let scene =
        Scene::new(AGENT).env("AGENT_API_KEY", "k").env("OPENAI_BASE_URL", "http://127.0.0.1:9/v1");
    let run = scene.run(&["exec", "--json", "--network-timeout", "1", "go"]).await;
    assert_eq!(run.code, Some(1));
    assert_eq!(run.event("turn.failed")["error"]["kind"], "network");
    assert_eq!(run.types().last().unwrap(), "turn.failed");
    let fine = scene.run(&["exec", "--network-timeout", "1", "--exit-codes", "fine", "go"]).await;
    assert_eq!(fine.code, Some(5), "{}", fine.stderr);
}
