"use client";

import { createClient } from "partita/client";
import { createPartitionHooks } from "partita/react";
import { useState } from "react";
import { seats } from "../shared/seats.js";

const { PartitionProvider, usePartition } = createPartitionHooks();

function Seat() {
  return <p>A1: {usePartition((state) => state.taken.A1)}</p>;
}

export function Hall({ initial }) {
  const [client] = useState(() =>
    createClient({ url: "http://127.0.0.1", partition: "hall-next", model: seats, initial, connect: false }),
  );
  return (
    <PartitionProvider client={client}>
      <Seat />
    </PartitionProvider>
  );
}
