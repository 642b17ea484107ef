/**
 * What runs in a browser page: a phone made of JsSIP, for `browser_phone.ts` to drive through `globalThis.phone`.
 * @module
 */
import "./node_events.js";
import JsSIP from "npm:jssip@3.13.8";

/** The one phone of this page, and its one call at a time. */
class Phone {
  #agent;
  #session;
  /** Settled when the current call has ended, with the reason. */
  #ended;

  /** Connects and registers; resolves once it is registered. */
  register({ uri, password, server }) {
    this.#agent = new JsSIP.UA({ uri, password, sockets: [new JsSIP.WebSocketInterface(server)] });
    this.#agent.on("newRTCSession", ({ session }) => this.#take(session));
    return new Promise((resolve, reject) => {
      this.#agent.on("registered", () => resolve());
      this.#agent.on("registrationFailed", ({ cause }) => reject(new Error(`Cannot register: ${cause}`)));
      this.#agent.start();
    });
  }

  /** Calls somebody; resolves once the call is up. */
  call(uri, { video }) {
    const session = this.#agent.call(uri, { mediaConstraints: { audio: true, video }, pcConfig: { iceServers: [] } });
    return this.#confirmed(session);
  }

  /** Whether somebody calls. */
  get rings() {
    return this.#session?.direction === "incoming" && this.#session.isInProgress();
  }

  /** Answers who calls; resolves once the call is up. */
  answer({ video }) {
    const session = this.#session;
    session.answer({ mediaConstraints: { audio: true, video }, pcConfig: { iceServers: [] } });
    return this.#confirmed(session);
  }

  hangUp() {
    this.#session.terminate();
  }

  /** Resolves with the reason once the call has ended. */
  ended() {
    return this.#ended;
  }

  /** What came, and which way. */
  async statistics() {
    const report = [...(await this.#session.connection.getStats()).values()];
    const inbound = (kind) => report.find((it) => it.type === "inbound-rtp" && it.kind === kind);
    const transports = report.filter(({ type }) => type === "transport");
    const pair = report.find(({ id }) => id === transports[0]?.selectedCandidatePairId);
    const remote = report.find(({ id }) => id === pair?.remoteCandidateId);
    return {
      audioPackets: inbound("audio")?.packetsReceived ?? 0,
      audioEnergy: inbound("audio")?.totalAudioEnergy ?? 0,
      videoFrames: inbound("video")?.framesDecoded ?? 0,
      transports: transports.length,
      dtlsState: transports[0]?.dtlsState,
      remoteAddress: remote?.address,
      remotePort: remote?.port,
      remoteType: remote?.candidateType,
    };
  }

  #take(session) {
    this.#session = session;
    this.#ended = new Promise((resolve) => {
      session.on("ended", ({ cause }) => resolve(cause));
      session.on("failed", ({ cause }) => resolve(cause));
    });
    if (session.connection) this.#listen(session.connection);
    else session.on("peerconnection", ({ peerconnection }) => this.#listen(peerconnection));
  }

  /** What nobody listens to has no energy. */
  #listen(connection) {
    connection.addEventListener("track", ({ streams: [stream] }) => {
      const element = document.createElement("video");
      element.autoplay = true;
      element.srcObject = stream;
      document.body.append(element);
    });
  }

  #confirmed(session) {
    return new Promise((resolve, reject) => {
      session.on("confirmed", () => resolve());
      session.on("failed", ({ cause }) => reject(new Error(`Cannot call: ${cause}`)));
    });
  }
}

globalThis.phone = new Phone();
