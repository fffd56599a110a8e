//! What commands have of the environment of the person's login shell.

use agent_testkit::{Scene, ScriptedModel, ScriptedServer};
use serde_json::json;

const AGENT: &str = env!("CARGO_BIN_EXE_agent");

const PROFILE: &str = "PATH=/only/at/login:$PATH
export GREETING='hallo
du' EDITOR=ed PWD MY_TOKEN=tell-nobody-this SSH_AUTH_SOCK=/tmp/agent.1 BASH_ENV=$HOME/.rc
export KUBECONFIG=/elsewhere/kube
echo welcome
";

const SHOWS: &str = "env -0 | tr '\\n\\0' ' \\n'; cat leaked";

fn shows() -> ScriptedServer {
    ScriptedModel::new().calls("exec_command", json!({"cmd": SHOWS})).says("So.").serve()
}

/// Where a login shell is asked.
fn scene(server: &ScriptedServer, config: &str) -> Scene {
    let scene = Scene::new(AGENT).unrehearsed().config(config).facing(server);
    let home = scene.workspace().parent().unwrap().join("home");
    std::fs::create_dir_all(&home).unwrap();
    std::fs::write(home.join(".profile"), PROFILE).unwrap();
    std::fs::write(home.join(".rc"), "echo run for each command\n").unwrap();
    scene.file("leaked", "tell-nobody-this\n").env("SHELL", "/bin/sh").env("EDITOR", "vi")
}

#[tokio::test]
async fn commands_have_what_the_login_shell_sets_and_we_lack() {
    let server = shows();
    let scene = scene(&server, "");
    let run = scene.run(&["exec", "--json", "go"]).await.succeeded();
    let output = run.items("command_execution")[0]["aggregated_output"].clone();
    let lines: Vec<_> = output.as_str().unwrap().lines().collect();
    assert!(lines.contains(&"GREETING=hallo du"), "with its line break: {lines:?}");
    assert!(lines.contains(&"EDITOR=vi"), "ours stays: {lines:?}");
    assert!(lines.iter().any(|line| line.starts_with("PATH=") && line.contains("/only/at/login")));
    let workspace = format!("PWD={}", scene.workspace().display());
    assert!(lines.contains(&workspace.as_str()), "{lines:?}");
    assert!(!lines.contains(&"run for each command"), "{lines:?}");
}

#[tokio::test]
async fn s12_secrets_that_the_login_shell_sets_reach_neither_commands_nor_the_model() {
    let server = shows();
    let scene = scene(&server, "");
    let run = scene.run(&["exec", "--json", "go"]).await.succeeded();
    let rollout = std::fs::read_to_string(&scene.rollouts()[0]).unwrap();
    for text in [&run.stdout, &rollout, &server.frames()[1].text] {
        for secret in ["MY_TOKEN", "SSH_AUTH_SOCK", "KUBECONFIG", "tell-nobody-this"] {
            assert!(!text.contains(secret), "{secret}: {text}");
        }
    }
    assert!(run.stdout.contains("[secret removed]"), "{}", run.stdout);
}

#[tokio::test]
async fn the_login_shell_counts_as_the_policy_says() {
    for (policy, path, greeting) in [
        ("shell_environment_policy.set = { PATH = '/bin' }", false, true),
        ("shell_environment_policy.exclude = ['greet*']", true, false),
        ("allow_login_shell = false", false, false),
        ("shell_environment_policy.experimental_use_profile = false", false, false),
    ] {
        let server = shows();
        let run = scene(&server, policy).run(&["exec", "--json", "go"]).await.succeeded();
        let output = run.items("command_execution")[0]["aggregated_output"].to_string();
        assert_eq!(output.contains("/only/at/login"), path, "{policy}: {output}");
        assert_eq!(output.contains("GREETING"), greeting, "{policy}: {output}");
    }
}
