use super::*;
use agent_protocol::CallForm;

fn toolbox() -> Toolbox {
    Toolbox::new(ToolboxConfig {
        cwd: "/".into(),
        writable_roots: vec![],
        shared: vec![],
        person: std::collections::BTreeMap::new(),
        sandbox: SandboxMode::ReadOnly,
        network: false,
        helper: PathBuf::new(),
        env: BTreeMap::new(),
        secrets: SecretPlaces::default(),
        secret_values: Secrets::default(),
        login: None,
        outputs_dir: PathBuf::new(),
        journal_dir: None,
        keep_background: false,
        output_tokens: None,
        freeform_patch: false,
    })
}

#[test]
fn every_tool_is_offered_under_its_name_and_says_what_it_takes() {
    for (spec, tool) in toolbox().specs().iter().zip(TOOLS) {
        assert_eq!(spec.name(), tool.name);
        let ToolSpec::Function { parameters, strict, .. } = spec else { panic!("{spec:?}") };
        assert!(
            !strict && parameters["type"] == "object" && parameters["required"].is_array(),
            "{spec:?}"
        );
    }
}

fn call(name: &str, input: &str) -> ToolCall {
    ToolCall {
        call_id: "c".into(),
        name: name.into(),
        namespace: None,
        form: CallForm::Function,
        input: input.into(),
    }
}

#[test]
fn what_is_typed_into_no_session_is_refused_before_anybody_is_asked() {
    let call = call("write_stdin", r#"{"session_id":7,"chars":"rm -rf build\n"}"#);
    let rejection = toolbox().prepare(&call).err().unwrap();
    assert_eq!(rejection.reason, RejectReason::BadArguments);
    assert_eq!(rejection.message, "write_stdin: there is no session 7; open: none");
}

#[test]
fn what_need_not_be_given_may_be_null() {
    let run = r#"{"cmd":"ls","workdir":null,"tty":null,"rows":null,"timeout_ms":null,"sandbox_permissions":null}"#;
    assert!(toolbox().prepare(&call("exec_command", run)).is_ok());
    let typed = call("write_stdin", r#"{"session_id":7,"chars":null}"#);
    assert!(toolbox().prepare(&typed).err().unwrap().message.contains("no session"));
}

#[test]
fn what_other_agents_call_the_part_that_is_looked_at_is_understood() {
    for (name, input, expected) in [
        ("read_file", r#"{"path":"a","start_line":20,"end_line":30}"#, "a:20-30"),
        ("read_file", r#"{"path":"a","end_line":30}"#, "a:1-30"),
        ("read_file", r#"{"path":"a","start_line":20,"end_line":3}"#, "a:20-20"),
        ("read_file", r#"{"path":"a","offset":20,"limit":2,"end_line":90}"#, "a:20-21"),
        ("grep_files", r#"{"pattern":"x","glob":"["}"#, "["),
    ] {
        let said = match toolbox().prepare(&call(name, input)) {
            Ok(Prepared { details: ItemDetails::ToolCall { subject, .. }, .. }) => subject,
            Ok(other) => panic!("{:?}", other.details),
            Err(rejection) => rejection.message,
        };
        assert!(said.contains(expected), "{input}: {said}");
    }
}

#[test]
fn a_call_of_an_unknown_tool_is_told_which_there_are() {
    let in_namespace = ToolCall { namespace: Some("mcp_x".into()), ..call("read_file", "{}") };
    for (call, named) in [(call("edit", "{}"), "edit"), (in_namespace, "mcp_x.read_file")] {
        let rejection = toolbox().prepare(&call).err().unwrap();
        assert_eq!(rejection.reason, RejectReason::UnknownTool);
        assert!(
            rejection.message.starts_with(&format!("unsupported call: {named}. The tools are: "))
        );
        assert!(rejection.message.contains("read_file"), "{}", rejection.message);
    }
}
