/** A device as the platform keeps it. */
export interface Device {
  readonly deviceId: string;
  nodeId: string;
  name: string;
  activated: boolean;
  status: "ONLINE" | "OFFLINE" | "ABNORMAL" | "INACTIVE";
  /** Another application that owns it; undefined: ours. */
  owner: string | undefined;
  verifyCode: string | undefined;
  timeoutSeconds: number | undefined;
  /** Every state that a refresh brought it to. */
  readonly history: { readonly nodeId: string; readonly verifyCode: string; readonly atMs: number }[];
}

/** The devices by id. */
export class Devices {
  readonly #byId = new Map<string, Device>();

  constructor() {
    for (let number = 1; number <= 9; number += 1) this.set(`device-${number}`);
    this.set("device-online", { status: "ONLINE" });
    this.set("device-new", { activated: false, status: "INACTIVE" });
    this.set("device-foreign", { owner: "other-app" });
  }

  /** Adds a device, offline and activated unless said otherwise, or changes one. */
  set(deviceId: string, changes: Partial<Omit<Device, "deviceId" | "history">> = {}): Device {
    const device: Device = this.#byId.get(deviceId) ?? {
      deviceId,
      nodeId: `urn:imei:old-${deviceId}`,
      name: deviceId,
      activated: true,
      status: "OFFLINE",
      owner: undefined,
      verifyCode: undefined,
      timeoutSeconds: undefined,
      history: [],
    };
    Object.assign(device, changes);
    this.#byId.set(deviceId, device);
    return device;
  }

  get(deviceId: string): Device | undefined {
    return this.#byId.get(deviceId);
  }

  all(): Device[] {
    return [...this.#byId.values()];
  }

  goOnline(deviceId: string): void {
    this.set(deviceId, { status: "ONLINE" });
  }

  /** @param afterMs so much later; at once when absent */
  goOffline(deviceId: string, afterMs = 0): void {
    if (afterMs === 0) this.set(deviceId, { status: "OFFLINE" });
    else setTimeout(() => this.set(deviceId, { status: "OFFLINE" }), afterMs).unref();
  }

  /** Adds `count` devices `fleet-1`, `fleet-2`, ... and returns their ids. */
  many(count: number): string[] {
    return Array.from({ length: count }, (_, index) => this.set(`fleet-${index + 1}`).deviceId);
  }
}
