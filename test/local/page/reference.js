globalThis.SwaggerUIBundle({ url: "/_local/openapi.json", dom_id: "#reference", validatorUrl: null });
