//! A machine that does nothing by itself: it remembers what it was told, and tests drive it.

use machines::{
    Boot, Booted, Disk, Event, Fault, Files, Machine, NodeId, Protocol, Settings, SimFiles,
    Simulated, World,
};

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Toy {}

impl Protocol for Toy {
    type Peer = NodeId;
    type Message = String;
    type Timer = &'static str;
    type Write = String;
    type Fetch = ();
    type Fetched = String;
    type Recovered = String;
    type Output = String;
}

impl Simulated for Toy {
    fn dial(peer: &NodeId) -> NodeId {
        *peer
    }

    fn accept(from: NodeId, _: &NodeId, _: u64) -> NodeId {
        from
    }
}

#[derive(Default)]
pub(crate) struct Puppet {
    pub(crate) told: Vec<Event<Toy>>,
}

impl Puppet {
    /// The messages that it received, in order.
    pub(crate) fn heard(&self) -> Vec<String> {
        let messages = self.told.iter().filter_map(|event| match event {
            Event::Received { message, .. } => Some(message.clone()),
            _ => None,
        });
        messages.collect()
    }

    pub(crate) fn was_told(&self, event: &Event<Toy>) -> bool {
        self.told.contains(event)
    }
}

impl Machine for Puppet {
    type Protocol = Toy;

    fn step(&mut self, event: Event<Toy>, _: &mut machines::Effects<Toy>) {
        self.told.push(event);
    }
}

/// One file, to which every write is appended.
pub(crate) struct Journal(pub(crate) SimFiles);

impl Disk<Toy> for Journal {
    fn write(&mut self, write: String) -> Result<(), Fault> {
        let end = if self.0.exists("journal")? { self.0.len("journal")? } else { 0 };
        self.0.write("journal", end, write.as_bytes())
    }

    fn sync(&mut self) -> Result<(), Fault> {
        self.0.sync("journal")?;
        self.0.sync_names()
    }

    fn fetch(&mut self, _: ()) -> Result<String, Fault> {
        Ok(text(&self.0, "journal"))
    }
}

/// All of a file as text; empty if it is missing.
pub(crate) fn text(files: &SimFiles, name: &str) -> String {
    String::from_utf8_lossy(&bytes(files, name)).into_owned()
}

/// All of a file; empty if it is missing.
pub(crate) fn bytes(files: &SimFiles, name: &str) -> Vec<u8> {
    let mut bytes = vec![0; files.len(name).unwrap_or(0) as usize];
    if !bytes.is_empty() {
        files.read(name, 0, &mut bytes).expect("the file is there");
    }
    bytes
}

pub(crate) fn boot(boot: Boot) -> Result<Booted<Puppet>, Fault> {
    let recovered = text(&boot.files, "journal");
    Ok(Booted { machine: Puppet::default(), disk: Box::new(Journal(boot.files)), recovered })
}

pub(crate) const ONE: NodeId = NodeId::Server(1);
pub(crate) const TWO: NodeId = NodeId::Server(2);

/// A world of two puppets that have started.
pub(crate) fn two(seed: u64, settings: Settings) -> World<Puppet> {
    let mut world = World::new(seed, settings);
    world.trace_mut().record();
    for node in [ONE, TWO] {
        world.add(node, boot);
    }
    settle(&mut world);
    world
}

/// Steps until nothing more happens.
pub(crate) fn settle(world: &mut World<Puppet>) {
    while world.step().is_some() {}
}
