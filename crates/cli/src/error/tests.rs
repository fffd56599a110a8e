//! Each way to fail as a person reads it.

use agent_protocol::ApiError;
use agent_transport::ConnectStage;
use insta::assert_snapshot;

use super::*;
use crate::args::Args;
use crate::config::Environment;
use crate::providers::MissingKey;
use clap::Parser as _;

/// A run against OpenAI with a key, in a home and workspace without anything.
fn settings(line: &str, variables: &[(&str, &str)]) -> Result<Settings, SettingsError> {
    let dir = tempfile::tempdir().unwrap();
    let environment = Environment::bare(dir.path(), dir.path());
    let environment =
        variables.iter().fold(environment, |all, (name, value)| all.with(name, value));
    let words = std::iter::once("agent").chain(line.split_whitespace());
    Settings::resolve(&Args::try_parse_from(words).unwrap(), &environment)
}

fn with_key() -> Context {
    let settings = settings("exec x", &[("OPENAI_API_KEY", "sk-secret")]).unwrap();
    Context::of(&settings, ExitCodes::Fine)
}

/// The report, with its fine exit code.
fn said(error: impl Into<anyhow::Error>, context: &Context) -> String {
    let report = Report::of(&error.into(), context);
    format!("{report}exit {}", report.exit_code)
}

fn failed(kind: ErrorKind, message: &str, status: Option<u16>, code: Option<&str>) -> TurnFailure {
    TurnFailure(TurnError {
        message: message.to_owned(),
        kind,
        retryable: false,
        http_status: status,
        provider_code: code.map(str::to_owned),
        request_id: None,
    })
}

#[test]
fn without_a_key_three_ways_lead_on() {
    let settings = settings("exec x", &[]).unwrap();
    let context = Context::of(&settings, ExitCodes::Fine);
    let error = settings.provider.endpoint().unwrap_err();
    assert_snapshot!(said(SettingsError::from(error), &context), @r#"
    error: no API key for OpenAI
      Nothing was sent. Three ways to go on:
        a key:           export OPENAI_API_KEY=…
        a local server:  agent exec --oss "…"  (Ollama; LM Studio with --local-provider lmstudio)
        neither:         agent demo  (a scripted model, everything else real)
    exit 3
    "#);
    let missing = MissingKey {
        name: "Mine".to_owned(),
        variables: vec!["MINE_KEY".to_owned(), "AGENT_API_KEY".to_owned()],
        instructions: Some("Ask Ada for one.".to_owned()),
        has_login: true,
    };
    assert_snapshot!(said(ProviderError::NoKey(missing), &context), @r#"
    error: no API key for Mine
      Nothing was sent. Three ways to go on:
        a key:           export MINE_KEY=…
        a local server:  agent exec --oss "…"  (Ollama; LM Studio with --local-provider lmstudio)
        neither:         agent demo  (a scripted model, everything else real)
      Ask Ada for one.
      Codex is logged in to ChatGPT on this machine; that login is Codex's own and is not used.
    exit 3
    "#);
}

#[test]
fn what_the_server_refuses_points_at_the_key_or_the_model() {
    let context = with_key();
    let say = |kind, message, status, code| said(failed(kind, message, status, code), &context);
    assert_snapshot!(say(ErrorKind::Auth, "Incorrect API key provided (status 401, invalid_api_key)", Some(401), Some("invalid_api_key")), @r#"
    error: Incorrect API key provided (status 401, invalid_api_key)
      The key from OPENAI_API_KEY was refused by https://api.openai.com/v1. Check that it is complete and belongs to this provider.
    exit 3
    "#);
    assert_snapshot!(say(ErrorKind::Auth, "You are not allowed (status 403)", Some(403), None), @r#"
    error: You are not allowed (status 403)
      The key from OPENAI_API_KEY is known, but not allowed to do this.
    exit 3
    "#);
    assert_snapshot!(say(ErrorKind::BadRequest, "The model does not exist (status 404, model_not_found)", Some(404), Some("model_not_found")), @r#"
    error: The model does not exist (status 404, model_not_found)
      The model `gpt-6-sol` is not known to openai, or not open to this key. Choose another with `-m MODEL`.
    exit 1
    "#);
    assert_snapshot!(say(ErrorKind::Quota, "You exceeded your quota", Some(429), Some("insufficient_quota")), @r#"
    error: You exceeded your quota
      Check plan and billing of this key with the provider, or use another key.
    exit 4
    "#);
    assert_snapshot!(say(ErrorKind::RateLimit, "Too many requests", Some(429), None), @r#"
    error: Too many requests
      Wait a little, then: agent exec resume --last "go on"
    exit 4
    "#);
    assert_snapshot!(say(ErrorKind::Server, "Internal error", Some(500), None), @r#"
    error: Internal error
      Nothing is lost: agent exec resume --last "go on"
    exit 1
    "#);
    assert_snapshot!(say(ErrorKind::BadRequest, "Unknown parameter", Some(400), None), @r#"
    error: Unknown parameter
    exit 1
    "#);
    assert_snapshot!(say(ErrorKind::Budget, "the limit of 3 steps is reached", None, None), @r#"
    error: the limit of 3 steps is reached
      Nothing is lost: agent exec resume --last "go on"
    exit 6
    "#);
    let api = ApiError { status: Some(401), message: "No.".to_owned(), ..ApiError::default() };
    let open = Context::of(&settings("exec x --oss", &[]).unwrap(), ExitCodes::Fine);
    assert_snapshot!(said(TransportError::Api(api), &open), @r#"
    error: No. (status 401)
      http://localhost:11434/v1 asks for a key and none is set. Export one, or name its variable: -c model_providers.ollama.env_key=NAME
    exit 3
    "#);
}

#[test]
fn a_server_that_is_not_reached_is_named_with_what_may_be_in_the_way() {
    let context = with_key();
    let connect = |stage, message: &str| TransportError::Connect {
        stage,
        host: "api.openai.com".to_owned(),
        message: message.to_owned(),
    };
    assert_snapshot!(said(connect(ConnectStage::Dns, "no such host"), &context), @r#"
    error: cannot connect to api.openai.com: name lookup failed: no such host
      Is the host of https://api.openai.com/v1 spelled right, and is this machine online?
    exit 5
    "#);
    assert_snapshot!(said(connect(ConnectStage::Tcp, "Connection refused (os error 111)"), &context), @r#"
    error: cannot connect to api.openai.com: no TCP connection: Connection refused (os error 111)
      Nothing listens at https://api.openai.com/v1. Is the server running, and is the URL right?
    exit 5
    "#);
    assert_snapshot!(said(connect(ConnectStage::Tls, "invalid peer certificate: UnknownIssuer"), &context), @r#"
    error: cannot connect to api.openai.com: TLS failed: invalid peer certificate: UnknownIssuer
      If the certificate is your own or that of a proxy on the way, name its authority:
        export SSL_CERT_FILE=/path/to/ca.pem
    exit 5
    "#);
    assert_snapshot!(said(connect(ConnectStage::Proxy, "407"), &context), @r#"
    error: cannot connect to api.openai.com: the proxy refused: 407
      Check HTTPS_PROXY, and NO_PROXY for hosts that need none.
    exit 5
    "#);
    let ollama = Context::of(&settings("exec x --oss", &[]).unwrap(), ExitCodes::Fine);
    let refused = connect(ConnectStage::Tcp, "Connection refused").to_string();
    assert_snapshot!(said(failed(ErrorKind::Network, &refused, None, None), &ollama), @r#"
    error: cannot connect to api.openai.com: no TCP connection: Connection refused
      Nothing listens at http://localhost:11434/v1. Start it with `ollama serve`.
    exit 5
    "#);
    let dropped = TransportError::Dropped("reset by peer".to_owned());
    assert_snapshot!(said(dropped, &context), @r#"
    error: the connection broke before the response was complete: reset by peer
      Nothing is lost: agent exec resume --last "go on"
    exit 5
    "#);
}

#[test]
fn a_start_that_fails_says_what_to_change() {
    let context = Context::new(ExitCodes::Fine);
    let say = |line: &str| said(settings(line, &[]).unwrap_err(), &context);
    assert_snapshot!(say("exec x -c a..b=1"), @r#"
    error: -c a..b: the key has an empty part or a quote that is not closed
      Write it as in `-c model_reasoning_effort=high`.
    exit 1
    "#);
    assert_snapshot!(say("exec x -c model=1"), @r#"
    error: -c: `model` is 1; it must be a string
    exit 1
    "#);
    assert_snapshot!(say("exec x --provider nobody"), @r#"
    error: there is no provider `nobody`; known are anthropic, azure, lmstudio, ollama, openai, openrouter, vercel, xai
      Choose one with `--provider NAME`, or add [model_providers.NAME] to your configuration.
    exit 1
    "#);
    assert_snapshot!(say("exec x -C /nowhere"), @r#"
    error: there is no directory /nowhere
      Give an existing directory with `-C DIR`.
    exit 1
    "#);
    assert_snapshot!(say("exec x --strict-config -c modle=1"), @r#"
    error: -c: unknown key `modle`; `model` is near
      Without --strict-config this is only a note.
    exit 1
    "#);
    assert_snapshot!(said(WorkspaceError::NoRepository("/work".into()), &context), @r#"
    error: /work is not inside a git repository
      Run it inside one, where every change can be seen and taken back; or add --skip-git-repo-check.
    exit 1
    "#);
    assert_snapshot!(said(ProviderError::NoBaseUrl("azure".to_owned()), &context), @r#"
    error: the provider `azure` has no base URL
      Set it: -c model_providers.azure.base_url=https://RESOURCE.openai.azure.com/openai/v1
    exit 1
    "#);
    assert_snapshot!(said(ProviderError::NoModel("xai".to_owned()), &context), @r#"
    error: the provider `xai` has no default model
      Name one with `-m MODEL`.
    exit 1
    "#);
}

#[test]
fn causes_are_told_in_one_sentence_and_not_twice() {
    let cause = io::Error::other("disk full");
    let error = anyhow::Error::from(cause).context("cannot write x: disk full").context("saving");
    assert_snapshot!(said(error, &Context::default()), @r#"
    error: saving: cannot write x: disk full
    exit 1
    "#);
}

#[test]
fn a_reader_that_has_gone_is_recognised_below_any_context() {
    let pipe = anyhow::Error::from(io::Error::from(IoKind::BrokenPipe)).context("printing");
    assert!(is_broken_pipe(&pipe));
    assert!(!is_broken_pipe(&anyhow::anyhow!("broken pipe")));
}

#[test]
fn plain_exit_codes_are_one_and_fine_ones_tell_kinds_apart() {
    for (kind, fine) in [
        (ErrorKind::Auth, 3),
        (ErrorKind::Quota, 4),
        (ErrorKind::RateLimit, 4),
        (ErrorKind::Network, 5),
        (ErrorKind::Budget, 6),
        (ErrorKind::Timeout, 6),
        (ErrorKind::Schema, 7),
        (ErrorKind::Sandbox, 8),
        (ErrorKind::Interrupted, 130),
        (ErrorKind::Server, 1),
        (ErrorKind::Config, 1),
    ] {
        assert_eq!(
            (exit_code(kind, ExitCodes::Plain), exit_code(kind, ExitCodes::Fine)),
            (1, fine)
        );
    }
}
