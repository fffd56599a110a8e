use agent_protocol::{ApprovalPolicy, SandboxMode};
use clap::CommandFactory as _;
use clap::error::ErrorKind;
use insta::assert_snapshot;

use super::*;

fn parse(line: &str) -> Result<Args, clap::Error> {
    Args::try_parse_from(std::iter::once("agent").chain(line.split_whitespace()))
}

fn run(line: &str) -> ExecRun {
    match parse(line).unwrap().command {
        Some(Command::Exec(exec)) => exec.run(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_definition_of_the_command_line_is_sound() {
    Args::command().debug_assert();
}

#[test]
fn help_of_each_command() {
    for line in [
        "",
        "resume",
        "fork",
        "exec",
        "exec resume",
        "exec fork",
        "exec review",
        "demo",
        "replay",
        "sandbox",
        "apply-patch",
        "gateway",
        "threads",
        "threads show",
        "threads import",
        "trace",
        "diff",
        "undo",
        "doctor",
        "trust",
        "config explain",
        "execpolicy check",
        "completions",
    ] {
        let mut command = Args::command().term_width(100);
        command.build();
        let mut found = &mut command;
        for name in line.split_whitespace() {
            found = found.find_subcommand_mut(name).unwrap();
        }
        let name = format!("help {line}").trim().replace(' ', "_");
        assert_snapshot!(name, found.render_help().to_string());
    }
}

#[test]
fn options_count_before_and_after_the_subcommand() {
    let outer = run("exec --json --color never -i a.png resume --last -i b.png,c.png go");
    assert_eq!(outer.thread, ThreadChoice::ResumeLast);
    assert_eq!(outer.prompt.as_deref(), Some("go"));
    assert!(outer.options.json);
    assert_eq!(outer.options.color, Some(Color::Never));
    let images: Vec<_> = outer.options.images.iter().map(|path| path.to_str().unwrap()).collect();
    assert_eq!(images, ["a.png", "b.png", "c.png"]);

    let flags = parse("-m a -c x=1 --add-dir p exec -c y=2 -m b resume 7 --add-dir q -c x=3")
        .unwrap()
        .all_flags();
    assert_eq!(flags.model.model.as_deref(), Some("b"));
    let overrides: Vec<_> =
        flags.config.overrides.iter().map(|one| format!("{}={}", one.key, one.value)).collect();
    assert_eq!(overrides, ["x=1", "y=2", "x=3"]);
    assert_eq!(flags.permission.reach.add_dirs, [PathBuf::from("p"), PathBuf::from("q")]);
}

#[test]
fn which_thread_and_which_prompt_resume_means() {
    for (line, thread, prompt) in [
        ("exec go", ThreadChoice::New, Some("go")),
        ("exec", ThreadChoice::New, None),
        ("exec -", ThreadChoice::New, Some("-")),
        ("e go", ThreadChoice::New, Some("go")),
        ("exec resume 42 go", ThreadChoice::Resume("42".to_owned()), Some("go")),
        ("exec resume 42", ThreadChoice::Resume("42".to_owned()), None),
        ("exec resume --last go", ThreadChoice::ResumeLast, Some("go")),
        ("exec resume --last --all", ThreadChoice::ResumeLastAnywhere, None),
        ("exec resume --last -", ThreadChoice::ResumeLast, Some("-")),
    ] {
        let run = run(line);
        assert_eq!((&run.thread, run.prompt.as_deref()), (&thread, prompt), "{line}");
    }
}

#[test]
fn which_thread_and_which_prompt_of_the_screen_are_meant() {
    for (line, thread, prompt) in [
        ("resume", None, None),
        ("resume 42", Some("42"), None),
        ("resume 42 go", Some("42"), Some("go")),
        ("fork 42 go", Some("42"), Some("go")),
        ("resume --last", None, None),
        ("resume --last go", None, Some("go")),
        ("resume --last --all go", None, Some("go")),
    ] {
        let Some(Command::Resume(open) | Command::Fork(open)) = parse(line).unwrap().command else {
            panic!("{line}");
        };
        assert_eq!((open.thread(), open.prompt()), (thread, prompt), "{line}");
    }
    let error = parse("resume --last 42 go").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ArgumentConflict);
}

#[test]
fn an_image_does_not_swallow_the_prompt() {
    let run = run("exec --image a.png describe");
    assert_eq!(run.prompt.as_deref(), Some("describe"));
    assert_eq!(run.options.images, [PathBuf::from("a.png")]);
}

#[test]
fn flags_of_old_scripts_are_taken() {
    for line in [
        "exec --experimental-json --skip-git-repo-check -C . x",
        "exec --full-auto x",
        "exec -a never x",
        "exec -a on-failure x",
        "exec --yolo x",
        "exec --dangerously-bypass-approvals-and-sandbox x",
        "exec --ephemeral --ignore-user-config --ignore-rules --strict-config --trust x",
        "exec --enable a --disable b --oss --local-provider lmstudio x",
        "exec -o out.txt --output-schema s.json --color always x",
        "--model m --config a=1 --profile p --sandbox read-only --cd . exec x",
    ] {
        parse(line).unwrap_or_else(|error| panic!("{line}: {error}"));
    }
    let flags = parse("exec -a on-failure x").unwrap().all_flags();
    assert_eq!(flags.permission.approval, Some(ApprovalPolicy::OnRequest));
    assert!(run("exec --experimental-json x").options.json);
}

#[test]
fn what_makes_no_sense_is_refused_as_wrong_usage() {
    for (line, kind) in [
        ("exec -s open x", ErrorKind::InvalidValue),
        ("exec -c model x", ErrorKind::ValueValidation),
        ("exec --max-seconds soon x", ErrorKind::ValueValidation),
        ("exec --max-seconds -1 x", ErrorKind::UnknownArgument),
        ("exec --yolo -s read-only x", ErrorKind::ArgumentConflict),
        ("exec --json-compat x", ErrorKind::MissingRequiredArgument),
        ("sandbox", ErrorKind::MissingRequiredArgument),
        ("fix it", ErrorKind::UnknownArgument),
    ] {
        let error = parse(line).unwrap_err();
        assert_eq!((error.kind(), error.exit_code()), (kind, 2), "{line}");
    }
}

#[test]
fn the_command_of_the_sandbox_keeps_its_own_flags() {
    let args = parse("sandbox -s read-only -- ls -la -C x").unwrap();
    assert_eq!(args.all_flags().permission.reach.sandbox, Some(SandboxMode::ReadOnly));
    let Some(Command::Sandbox(sandbox)) = args.command else { panic!() };
    assert_eq!(sandbox.argv, ["ls", "-la", "-C", "x"]);
}

#[test]
fn a_prompt_is_a_message_unless_it_is_almost_a_command() {
    let checked = |line: &[&str]| {
        let args = Args::try_parse_from([&["agent"], line].concat()).unwrap();
        args.check_prompt().map_err(|error| error.to_string())
    };
    for fine in [&["mend the test"][..], &["explain"], &["exec", "demo it"], &[]] {
        assert_eq!(checked(fine), Ok(()), "{fine:?}");
    }
    let meant = Err("there is no command `reusme`; did you mean `agent resume`?".to_owned());
    assert_eq!(checked(&["reusme"]), meant);
}
