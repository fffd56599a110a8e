//! What goes wrong before or instead of a turn: one clear sentence, what to do next, the documented exit code.

use agent_protocol::ApiError;
use agent_testkit::{Finished, Scene, ScriptedModel, Step};
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
    let scene = Scene::new(AGENT).unrehearsed();
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
async fn r24_where_nothing_listens_the_run_ends_with_kind_network() {
    let scene =
        Scene::new(AGENT).env("AGENT_API_KEY", "k").env("OPENAI_BASE_URL", "http://127.0.0.1:9/v1");
    let run = scene.run(&["exec", "--json", "--network-timeout", "1", "go"]).await;
    assert_eq!(run.code, Some(1));
    assert_eq!(run.event("turn.failed")["error"]["kind"], "network");
    assert_eq!(run.types().last().unwrap(), "turn.failed");
    let fine = scene.run(&["exec", "--network-timeout", "1", "--exit-codes", "fine", "go"]).await;
    assert_eq!(fine.code, Some(5), "{}", fine.stderr);
}

#[tokio::test]
async fn where_no_thread_can_be_kept_nothing_is_sent() {
    let server = ScriptedModel::new().says("Never.").serve();
    let scene = Scene::new(AGENT).facing(&server).env("AGENT_HOME", "/dev/null");
    let run = scene.run(&["exec", "go"]).await;
    assert_eq!(run.code, Some(1));
    assert!(run.stderr.contains("/dev/null/threads") && run.stderr.contains("--ephemeral"));
    assert!(server.frames().is_empty());
}

#[tokio::test]
async fn a_key_that_is_refused_is_named_by_where_it_came_from() {
    let server = ScriptedModel::new().says("Never.").serve();
    let scene = Scene::new(AGENT).facing(&server).env("AGENT_API_KEY", "wrong");
    let port = server.address().port().to_string();
    assert_snapshot!(refused(&scene, &["exec", "go"]).await.replace(&port, "PORT"));
}

#[tokio::test]
async fn a_model_that_is_not_known_is_named() {
    let error = ApiError {
        status: Some(404),
        code: Some("model_not_found".to_owned()),
        message: "The model 'gpt-0' does not exist.".to_owned(),
        ..ApiError::default()
    };
    let server = ScriptedModel::new().step(Step::new().refuses(error)).serve();
    let scene = Scene::new(AGENT).facing(&server);
    assert_snapshot!(refused(&scene, &["exec", "-m", "gpt-0", "go"]).await);
}

#[tokio::test]
async fn a_server_that_does_not_speak_tls_is_said_to_fail_there() {
    let server = ScriptedModel::new().says("Never.").serve();
    let url = server.base_url().replace("http:", "https:");
    let scene = Scene::new(AGENT).facing(&server).env("OPENAI_BASE_URL", &url);
    let said = refused(&scene, &["exec", "--network-timeout", "0.1", "go"]).await;
    assert!(said.contains("TLS failed") && said.contains("SSL_CERT_FILE"), "{said}");
}

#[tokio::test]
async fn s21_what_an_error_or_a_note_quotes_cannot_steer_the_terminal() {
    let odd = "zz\u{1b}]0;PWN\u{7}\u{1b}[2J\u{202e}";
    let scene = Scene::new(AGENT).env("AGENT_API_KEY", "k").file(
        ".codex/rules/a.rules",
        &format!("prefix_rule(pattern=[\"ls\"], decision=\"{odd}\")\n"),
    );
    let patch = format!("*** Begin Patch\n*** Delete File: {odd}\n*** End Patch\n");
    let refused = scene.run_with_input(&["apply-patch"], &patch).await;
    assert!(
        refused.stderr.contains("zz<U+001B>]0;PWN<U+0007><U+001B>[2J<U+202E>: no such file"),
        "{}",
        refused.stderr
    );
    let unknown = scene.run(&["exec", "resume", odd, "go"]).await;
    let noted = scene.run(&["doctor", "--trust"]).await;
    assert!(noted.stderr.contains("note: ") && noted.stderr.contains("zz"), "{}", noted.stderr);
    for run in [refused, unknown, noted] {
        for text in [&run.stdout, &run.stderr] {
            assert!(!text.contains(['\u{1b}', '\u{7}', '\u{202e}']), "{text:?}");
        }
    }
}

#[tokio::test]
async fn s21_lines_of_json_escape_what_steers_a_terminal_or_is_not_seen() {
    let odd = "a\u{9b}2J\u{7f}\u{202e}\u{2067}\u{200b}\u{ad}\u{feff}\u{e0041}\u{2028}b";
    let server = ScriptedModel::new().says(odd).serve();
    let scene = Scene::new(AGENT).facing(&server);
    let run = scene.run(&["exec", "--json", odd]).await.succeeded();
    let said = run.events().iter().any(|event| event["item"]["text"] == odd);
    assert!(said, "{}", run.stdout);
    let shown = scene.run(&["threads", "show", "--json", "--last"]).await.succeeded();
    let listed = scene.run(&["threads", "--json"]).await.succeeded();
    let traced = scene.run(&["trace", "--json", "--last"]).await.succeeded();
    for run in [run, shown, listed, traced] {
        assert!(run.stdout.contains("\\udb40\\udc41"), "{}", run.stdout);
        assert!(!run.stdout.contains(|c: char| c != '\n' && !(' '..='~').contains(&c)));
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_directory_whose_path_is_not_utf8_is_named_and_nothing_is_begun() {
    use std::os::unix::ffi::OsStrExt as _;
    let server = ScriptedModel::new().says("Never.").serve();
    let scene = Scene::new(AGENT).facing(&server);
    let odd = scene.workspace().join(std::ffi::OsStr::from_bytes(b"odd\xff"));
    std::fs::create_dir(&odd).unwrap();
    std::os::unix::fs::symlink(&odd, scene.workspace().join("plain")).unwrap();
    for args in [
        &["exec", "-C", "plain", "go"][..],
        &["sandbox", "-C", "plain", "--", "true"],
        &["apply-patch", "-C", "plain"],
    ] {
        let run = scene.run_with_input(args, "").await;
        assert_eq!(run.code, Some(1));
        let said = run.stderr.lines().next().unwrap_or_default();
        assert!(said.starts_with("error: cannot work in ") && said.contains(r"odd\xFF"), "{said}");
        assert!(said.contains("its path is not UTF-8"), "{said}");
    }
    assert!(scene.rollouts().is_empty() && server.frames().is_empty());
}
