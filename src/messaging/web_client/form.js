/** Forms that are sent by the page itself, and say beside them what is wrong. */

/** Has `act` do what a form is for, with its fields; what it throws is shown in the form. One at a time. */
export function submitting(form, act) {
  const error = form.querySelector('.error');
  const button = form.querySelector('button.primary');
  const refuse = (words, field) => {
    error.textContent = words;
    for (const other of form.elements) other.ariaInvalid = other === field ? 'true' : null;
    field?.focus();
  };
  form.addEventListener('submit', async event => {
    event.preventDefault();
    if (button.ariaDisabled === 'true') return;
    refuse('');
    const missing = form.querySelector(':invalid');
    if (missing) {
      refuse(`${missing.labels[0].firstChild.textContent.trim()} is required.`, missing);
      return;
    }
    button.ariaDisabled = 'true';
    try {
      await act(form.elements);
    } catch (problem) {
      refuse(problem.message);
    } finally {
      button.ariaDisabled = 'false';
    }
  });
}
