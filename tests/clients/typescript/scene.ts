// The day's main work with the types that openapi-typescript generates, under strict rules.

import assert from "node:assert/strict";
import createClient from "openapi-fetch";
import type { components, paths } from "./schema.d.ts";

const client = createClient<paths>({
  baseUrl: process.env["CRM_URL"] ?? "",
  headers: { Authorization: `Bearer ${process.env["CRM_TOKEN"]}` },
});

/** The data of a response; an error is a problem with a code that the types know. */
function made<T>(response: { data?: T; error?: components["schemas"]["Problem"] }): T {
  if (response.data === undefined) throw new Error(JSON.stringify(response.error));
  return response.data;
}

const customer = made(await client.POST("/api/v1/customers", {
  body: {
    customer_type: "individual", last_name: "Иванов", first_name: "Пётр", birth_date: "1990-05-17",
    document_type: "passport", passport_series: "4510", passport_number: "100002", phone: "+79161000002",
  },
}));
// fields with a default can be left out
const tariff = made(await client.POST("/api/v1/tariffs", {
  body: { name: "Скрипт", tariff_type: "postpaid", monthly_fee: "600.00", priority: 7 },
}));
const sim = made(await client.POST("/api/v1/sims", {
  body: { iccid: "8970199000000000025", imsi: "250990000000002", msisdn: "+79031000002" },
}));
const contract = made(await client.POST("/api/v1/contracts", { body: { customer_id: customer.id, tariff_id: tariff.id } }));
const at = { params: { path: { id: contract.id } } };
const active = made(await client.POST("/api/v1/contracts/{id}/activate", { ...at, body: { sim_id: sim.id } }));
assert.equal(active.status, "active" satisfies components["schemas"]["ContractStatus"]);

const noted = made(await client.PATCH("/api/v1/contracts/{id}", { ...at, body: { notes: "звонить после шести" } }));
assert.deepEqual([noted.notes, noted.tariff_id, noted.customer_id], ["звонить после шести", tariff.id, customer.id]);
const changed = made(await client.PATCH("/api/v1/tariffs/{id}", {
  params: { path: { id: tariff.id } }, body: { description: "Для семьи" },
}));
assert.deepEqual([changed.description, changed.priority, changed.is_active], ["Для семьи", 7, true]);

const refused = await client.POST("/api/v1/customers", {
  body: { customer_type: "individual", last_name: "Иванов", first_name: "Пётр", phone: "+79161000002" },
});
const code: components["schemas"]["ProblemCode"] | undefined = refused.error?.code;
assert.equal(code, "invalid");

const meta = made(await client.GET("/api/v1/meta"));
assert.equal(meta.enums["ContractStatus"]?.[0]?.value, "draft");
