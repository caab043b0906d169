/** Forms that are submitted by script, and show errors beside their fields. */

/** Calls `submit` with the fields of a form when it is submitted, one call at a time, and shows its error in the form. */
export function handleSubmit(form, submit) {
  const error = form.querySelector('.error');
  const button = form.querySelector('button.primary');
  const showError = (message, field) => {
    error.textContent = message;
    for (const other of form.elements) other.ariaInvalid = other === field ? 'true' : null;
    field?.focus();
  };
  form.addEventListener('submit', async event => {
    event.preventDefault();
    if (button.ariaDisabled === 'true') return;
    showError('');
    const missing = form.querySelector(':invalid');
    if (missing) {
      showError(`${missing.labels[0].firstChild.textContent.trim()} is required.`, missing);
      return;
    }
    button.ariaDisabled = 'true';
    try {
      await submit(form.elements);
    } catch (failure) {
      showError(failure.message);
    } finally {
      button.ariaDisabled = 'false';
    }
  });
}
