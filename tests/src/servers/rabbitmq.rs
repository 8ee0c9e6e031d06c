//! A private RabbitMQ, which a test may kill, freeze and restart on the same data.

use std::{
    ffi::OsString,
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context as _, Result, bail};
use tokio::process::Command;
use url::Url;
use uuid::Uuid;

use super::{
    broker::BrokerAddress,
    container::Container,
    host::{self, Host},
    install::{Origin, Server, ensure_installed, find_program},
    ports::free_ports,
    process::Process,
};

/// It answers after 7 to 10 s on an idle machine with two cores; a loaded one takes several times that.
const READY_TIMEOUT: Duration = Duration::from_secs(120);

/// Closing queues and connections takes a second or two.
const STOP_GRACE: Duration = Duration::from_secs(20);

/// The command line starts an Erlang machine of its own, two or three seconds on an idle machine.
const CONTROL_TIMEOUT: Duration = Duration::from_secs(60);

/// What the management UI, moving messages in it, and the metrics need.
const PLUGINS: &str =
    "[rabbitmq_management,rabbitmq_prometheus,rabbitmq_shovel,rabbitmq_shovel_management].\n";

/// Quorum queues report their totals four times a second rather than each five seconds.
const TICK: &str = "-rabbit quorum_tick_interval 250";
/// How old these totals are at most on a broker that was started here: four ticks, for a busy machine.
pub(super) const TOTALS_AGE: Duration = Duration::from_secs(1);

const USER: &str = "bridge";
const PASSWORD: &str = "bridge";

/// How a private RabbitMQ differs from the usual.
#[derive(Clone, Debug, Default)]
pub struct RabbitMqOptions {
    /// Lines to add to its `rabbitmq.conf`.
    pub settings: Vec<String>,
}

/// A RabbitMQ of our own, with its management API, on free loopback ports. Dropping it ends all its processes.
pub struct RabbitMq {
    address: BrokerAddress,
    host: Box<dyn Host>,
    control: Control,
    /// Erlang's port mapper, ours rather than a daemon that would outlive us. A container has its own.
    _port_mapper: Option<Process>,
}

/// How `rabbitmqctl` is run.
enum Control {
    Here {
        program: PathBuf,
        variables: Vec<(&'static str, OsString)>,
    },
    InContainer(String),
}

impl RabbitMq {
    /// Starts a broker with its data, configuration and log in a folder, and waits until it is ready.
    ///
    /// # Errors
    ///
    /// Returns an error, with the end of its log, if it is not ready in time.
    pub async fn start(folder: &Path, options: &RabbitMqOptions) -> Result<Self> {
        ensure_installed(&[Server::RabbitMq])?;
        fs::create_dir_all(folder).with_context(|| format!("create {}", folder.display()))?;
        let mut broker = match Server::RabbitMq.origin()? {
            Origin::Program(program) => Self::installed(&program, folder, options)?,
            Origin::Image(image) => Self::containerised(&image, folder, options)?,
        };
        broker.host.start()?;
        broker.wait_ready().await?;
        Ok(broker)
    }

    fn installed(program: &Path, folder: &Path, options: &RabbitMqOptions) -> Result<Self> {
        let [amqp, management, metrics, distribution, mapper] = free_ports()?;
        let mut settings = common_settings(options);
        settings.extend([
            format!("listeners.tcp.1 = 127.0.0.1:{amqp}"),
            "management.tcp.ip = 127.0.0.1".to_owned(),
            format!("management.tcp.port = {management}"),
            "prometheus.tcp.ip = 127.0.0.1".to_owned(),
            format!("prometheus.tcp.port = {metrics}"),
            format!("default_user = {USER}"),
            format!("default_pass = {PASSWORD}"),
        ]);
        let configuration = folder.join("rabbitmq.conf");
        write(&configuration, &lines(&settings))?;
        let plugins = folder.join("enabled_plugins");
        write(&plugins, PLUGINS)?;
        // The command line authenticates with it; Erlang insists that no other user can read it.
        let cookie = folder.join(".erlang.cookie");
        if !cookie.exists() {
            write(&cookie, &Uuid::new_v4().simple().to_string())?;
            fs::set_permissions(&cookie, Permissions::from_mode(0o400))
                .context("protect the Erlang cookie")?;
        }

        let path = |name: &str| folder.join(name).into_os_string();
        let variables = vec![
            ("HOME", folder.into()),
            ("ERL_CRASH_DUMP", path("erl_crash.dump")),
            ("ERL_EPMD_ADDRESS", "127.0.0.1".into()),
            ("ERL_EPMD_PORT", mapper.to_string().into()),
            // Nothing of an installation's own settings is to be met.
            ("RABBITMQ_CONF_ENV_FILE", "/dev/null".into()),
            ("RABBITMQ_CONFIG_FILE", configuration.into()),
            ("RABBITMQ_ADVANCED_CONFIG_FILE", path("advanced.config")),
            ("RABBITMQ_ENABLED_PLUGINS_FILE", plugins.into()),
            ("RABBITMQ_MNESIA_BASE", path("data")),
            ("RABBITMQ_LOG_BASE", path("log")),
            // Everything on standard output, which is the log file.
            ("RABBITMQ_LOGS", "-".into()),
            ("RABBITMQ_PID_FILE", path("pid")),
            // The data folder is named after the node: with the port, servers never meet by mistake.
            (
                "RABBITMQ_NODENAME",
                format!("bridge-{amqp}@localhost").into(),
            ),
            ("RABBITMQ_DIST_PORT", distribution.to_string().into()),
            (
                "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS",
                format!("-kernel inet_dist_use_interface {{127,0,0,1}} {TICK}").into(),
            ),
        ];
        let log = folder.join("epmd.log");
        let port = mapper.to_string();
        let mut port_mapper = Process::new(port_mapper_program()?, log).arguments([
            "-port",
            &port,
            "-address",
            "127.0.0.1",
        ]);
        port_mapper.start()?;
        let server =
            Process::new(program, folder.join("rabbitmq.log")).variables(variables.clone());
        Ok(Self {
            address: address(amqp, management)?,
            host: Box::new(server),
            control: Control::Here {
                program: program.with_file_name("rabbitmqctl"),
                variables,
            },
            _port_mapper: Some(port_mapper),
        })
    }

    fn containerised(image: &str, folder: &Path, options: &RabbitMqOptions) -> Result<Self> {
        let [amqp, management] = free_ports()?;
        let configuration = folder.join("rabbitmq.conf");
        write(&configuration, &lines(&common_settings(options)))?;
        let plugins = folder.join("enabled_plugins");
        write(&plugins, PLUGINS)?;
        let docker_options = [
            format!("--publish=127.0.0.1:{amqp}:5672"),
            format!("--publish=127.0.0.1:{management}:15672"),
            // The data folder is named after the host.
            "--hostname=rabbitmq".to_owned(),
            format!("--env=RABBITMQ_DEFAULT_USER={USER}"),
            format!("--env=RABBITMQ_DEFAULT_PASS={PASSWORD}"),
            format!("--env=RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS={TICK}"),
            format!(
                "--volume={}:/etc/rabbitmq/rabbitmq.conf:ro",
                configuration.display()
            ),
            format!(
                "--volume={}:/etc/rabbitmq/enabled_plugins:ro",
                plugins.display()
            ),
        ];
        let container = Container::new(image, &docker_options, &[]);
        Ok(Self {
            address: address(amqp, management)?,
            control: Control::InContainer(container.name().to_owned()),
            host: Box::new(container),
            _port_mapper: None,
        })
    }

    /// Makes sure that a kill cannot empty the quorum queues declared so far.
    ///
    /// The broker notes which data on disk is which queue's half a second after the declare at the earliest
    /// (Ra's `names.dets`, auto-saved). One killed before that comes back with an empty queue, confirmed
    /// messages and all; seen with 3.10.8 and 4.0.5. This orders the note to be written now.
    ///
    /// # Errors
    ///
    /// Returns an error if the broker does not take the order.
    pub async fn note_queues(&self) -> Result<()> {
        let note = "[ok = dets:sync(Table) || Table <- dets:all()].";
        self.control(&["eval", note]).await
    }

    /// How to reach it.
    #[must_use]
    pub fn address(&self) -> &BrokerAddress {
        &self.address
    }

    /// Waits until both AMQP and the management API answer.
    ///
    /// # Errors
    ///
    /// Returns an error with what was missing, and the end of its log, if it ends or takes too long.
    pub async fn wait_ready(&mut self) -> Result<()> {
        let address = &self.address;
        let management = address.management();
        host::wait_ready(self.host.as_mut(), "RabbitMQ", READY_TIMEOUT, async || {
            management.check().await?;
            address.check().await
        })
        .await
    }

    /// Ends it as a power cut would, with SIGKILL.
    ///
    /// # Errors
    ///
    /// Returns an error if it survives.
    pub fn kill(&mut self) -> Result<()> {
        self.host.kill()
    }

    /// Stops it in good order; by force if that takes too long.
    ///
    /// # Errors
    ///
    /// Returns an error if it survives.
    pub async fn stop(&mut self) -> Result<()> {
        host::stop(self.host.as_mut(), STOP_GRACE).await
    }

    /// Starts it again, on the same data and ports, and waits until it is ready. Stops it first if it runs.
    ///
    /// # Errors
    ///
    /// Returns an error if it is not ready in time.
    pub async fn restart(&mut self) -> Result<()> {
        self.stop().await?;
        self.host.start()?;
        self.wait_ready().await
    }

    /// Freezes it: connections stay open and nothing answers.
    ///
    /// # Errors
    ///
    /// Returns an error if it does not run.
    pub fn pause(&mut self) -> Result<()> {
        self.host.pause()
    }

    /// Lets it go on after [`Self::pause`].
    ///
    /// # Errors
    ///
    /// Returns an error if it does not run.
    pub fn resume(&mut self) -> Result<()> {
        self.host.resume()
    }

    /// Raises the memory alarm, which blocks all publishing connections, or clears it.
    ///
    /// # Errors
    ///
    /// Returns an error if the broker does not take the order.
    pub async fn set_memory_alarm(&self, raised: bool) -> Result<()> {
        // Zero is documented for this purpose; 0.4 is the default of 3.x, and enough here.
        let watermark = if raised { "0" } else { "0.4" };
        self.control(&["set_vm_memory_high_watermark", watermark])
            .await
    }

    /// Closes every client's connection from the broker's side.
    ///
    /// # Errors
    ///
    /// Returns an error if the broker does not take the order.
    pub async fn close_all_connections(&self) -> Result<()> {
        self.control(&["close_all_connections", "closed by a test"])
            .await
    }

    /// Runs `rabbitmqctl` against this server.
    async fn control(&self, arguments: &[&str]) -> Result<()> {
        let mut command = match &self.control {
            Control::Here { program, variables } => {
                let mut command = Command::new(program);
                command.envs(variables.iter().map(|(name, value)| (name, value)));
                command
            }
            Control::InContainer(name) => {
                let mut command = Command::new("docker");
                command.args(["exec", name, "rabbitmqctl"]);
                command
            }
        };
        let running = command.args(arguments).kill_on_drop(true).output();
        let output = tokio::time::timeout(CONTROL_TIMEOUT, running)
            .await
            .context("rabbitmqctl does not end")?
            .context("run rabbitmqctl")?;
        if !output.status.success() {
            let said = [output.stdout, output.stderr].concat();
            bail!("rabbitmqctl: {}", String::from_utf8_lossy(&said).trim());
        }
        Ok(())
    }
}

fn common_settings(options: &RabbitMqOptions) -> Vec<String> {
    let mut settings = vec![
        // The management UI's figures are collected each second rather than each five.
        "collect_statistics_interval = 1000".to_owned(),
        // A test machine's disk is nearly full more often than not.
        "disk_free_limit.absolute = 50MB".to_owned(),
    ];
    settings.extend(options.settings.iter().cloned());
    settings
}

fn lines(settings: &[String]) -> String {
    settings.join("\n") + "\n"
}

fn write(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).with_context(|| format!("write {}", path.display()))
}

fn address(amqp: u16, management: u16) -> Result<BrokerAddress> {
    let amqp = format!("amqp://{USER}:{PASSWORD}@127.0.0.1:{amqp}/%2F");
    let management = format!("http://{USER}:{PASSWORD}@127.0.0.1:{management}/");
    Ok(BrokerAddress::new(
        Url::parse(&amqp)?,
        Url::parse(&management)?,
    ))
}

/// Finds Erlang's port mapper, which some installations keep beside the virtual machine only.
fn port_mapper_program() -> Result<PathBuf> {
    let beside = || {
        let roots = ["/usr/lib/erlang", "/usr/local/lib/erlang"];
        let entries = roots.iter().filter_map(|root| fs::read_dir(root).ok());
        let folders = entries.flatten().flatten().map(|entry| entry.path());
        folders
            .map(|folder| folder.join("bin/epmd"))
            .find(|program| program.is_file())
    };
    find_program("epmd")
        .or_else(beside)
        .context("epmd, which comes with Erlang, is not in PATH")
}
